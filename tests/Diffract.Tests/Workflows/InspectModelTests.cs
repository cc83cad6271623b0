using System.Text.Json;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class InspectModelTests
{
    [Theory]
    [InlineData("adm256_uncond", "256x256_diffusion_uncond")]
    [InlineData("adm512_cond", "512x512_diffusion")]
    [InlineData("adm64_cond", "64x64_diffusion")]
    public void Blocks_are_those_of_the_published_nets(string layout, string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", layout + ".json")));
        var model = PublishedModels.Find(name)!;

        var summary = InspectModel.Summarise(new(model.Config!, model.Name, model.Schedule, []));

        Assert.Equal(document.RootElement.GetProperty("n_params").GetInt64(), summary.Parameters);
        Assert.Equal(document.RootElement.GetProperty("blocks").EnumerateArray().Select(b => (b.GetProperty("module").GetString(), b.GetProperty("channels").GetInt32(), b.GetProperty("height").GetInt32())),
            summary.Blocks.Select(b => ((string?)b.Module, b.Channels, b.Size)));
        Assert.Equal(summary.Parameters, summary.EmbeddingWeights + summary.Blocks.Sum(b => b.Weights) + summary.OutputWeights);
        Assert.Equal(summary.Parameters - summary.OutputWeights, summary.Blocks[^1].RunningWeights);
        Assert.InRange(summary.Blocks[^1].RunningShare, 0.99, 1);
    }
}
