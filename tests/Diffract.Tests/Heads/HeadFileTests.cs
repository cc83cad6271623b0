using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public sealed class HeadFileTests : IDisposable
{
    readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void HeadFile_gives_back_a_head_with_its_statistics()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(4);
        var config = new AttentionConfig { Ts = [10], Blocks = [new(2, 6, 4, 4)], Classes = 3, Dim = 8, Heads = 2, Depth = 2, Tokens = new TokenConfig.Projected(4, TokenNorm.Batch) };
        var maps = new Dictionary<FeatureKey, Tensor> { [new(10, 2)] = Aten.Randn([5, 6, 4, 4]) };
        using var store = ParameterStore.New();
        var head = config.Build(store.Root);
        head.Forward(maps, training: true);

        HeadFile.Write(_path, config, store.All, new Dictionary<string, string> { ["seed"] = "4" });

        using var file = CheckpointFile.Open(_path);
        using var read = ParameterStore.From(file.StateDict());
        var same = HeadFile.Config(file).Build(read.Root);
        read.Verify(_path);
        Assert.Equal("4", file.Metadata["seed"]);
        Assert.Equal(head.Forward(maps, training: false).ToArray<float>(), same.Forward(maps, training: false).ToArray<float>());
    }

    [Theory]
    [InlineData("{", "is not JSON")]
    [InlineData("""{"kind": "linear", "depth": 2}""", "unknown key depth")]
    [InlineData("""{"kind": "linear"}""", "blocks is not given")]
    [InlineData(null, "has no 'diffract.head'")]
    public void HeadFile_refuses_a_configuration_that_cannot_be_used(string? text, string fault)
    {
        using var scope = new TensorScope();
        SafetensorsWriter.Write(_path, [Aten.Zeros([2]).ToEntry("fcs.0.weight")], text is null ? [] : new Dictionary<string, string> { [HeadFile.ConfigKey] = text });
        using var file = CheckpointFile.Open(_path);

        var error = Assert.Throws<HeadConfigException>(() => HeadFile.Config(file));

        Assert.Contains(fault, error.Message);
        Assert.Contains(_path, error.Message);
    }
}
