using Diffract.Data;
using Diffract.Features;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests;

/// <summary>A small net with random weights, zero-initialised ones too, and small pictures: enough to run whole workflows in a second.</summary>
sealed class TinyNet : IDisposable
{
    readonly ParameterStore _store = ParameterStore.New();

    public TinyNet(ulong seed = 1, int? classes = null)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        Torch.Torch.ManualSeed(seed);
        Net = new UNet(_store.Root, Config with { Classes = classes });
        foreach (var parameter in _store.Parameters.Values)
        {
            parameter.Add_(Aten.Randn(parameter.Shape), 0.05);
        }
    }

    public static UNetConfig Config { get; } = new()
    {
        ImageSize = 16, OutChannels = 3, ModelChannels = 32, ChannelMult = [1, 2], NumResBlocks = 1, AttentionFactors = new HashSet<int> { 2 }, NumHeadChannels = 32,
    };

    public UNet Net { get; }

    public ParameterStore Store => _store;

    public Backbone Backbone => new(Net, "tiny.safetensors", new string('a', 64), "linear");

    public static PictureSet Pictures(int train = 40, int test = 20) => BuiltInSet.Make(seed: 3, first: 0, train, test, size: 16);

    public static FeatureRequest Request { get; } = new() { T = [50, 200], Blocks = [4, 5], Pools = [1, 4], Height = 16, Width = 16 };

    public void Dispose() => _store.Dispose();
}
