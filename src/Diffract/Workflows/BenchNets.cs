using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Nets of random weights, for measurements of speed and memory.</summary>
public static class BenchNets
{
    /// <summary>The published 256x256 unconditional net (553 M parameters), and a small one that trains on a processor (11 M).</summary>
    public static IReadOnlyList<string> Names { get; } = ["full256", "small32"];

    /// <param name="name">One of <see cref="Names"/>, a checkpoint whose shape is meant, or a JSON file of guided-diffusion's flags.</param>
    /// <exception cref="ArgumentException">Another name.</exception>
    public static UNetConfig Config(string name) => Net(name).Config;

    /// <summary>As <see cref="Config"/>, with the noise schedule that the checkpoint or configuration names; "linear" for a name.</summary>
    public static (UNetConfig Config, string Schedule) Net(string name) => !File.Exists(name) ? (Named(name), "linear") : name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? Flags(name) : Shape(name);

    /// <summary>How many blocks it has.</summary>
    public static int Blocks(string name) => new UNetLayout(Config(name)).Blocks.Count;

    static UNetConfig Named(string name) => name switch
    {
        "full256" => new(),
        "small32" => new() { ImageSize = 32, ModelChannels = 64, ChannelMult = [1, 2, 2, 2], AttentionFactors = new HashSet<int> { 2, 4 }, NumHeadChannels = 32 },
        _ => throw new ArgumentException($"--config {name}: expected {string.Join(", ", Names)}, the file of a checkpoint, or a JSON file of guided-diffusion's flags"),
    };

    static (UNetConfig, string) Flags(string path)
    {
        var flags = UNetFlags.ReadFile(path, fromShapes: null);
        return (flags.Config, flags.Schedule);
    }

    static (UNetConfig, string) Shape(string checkpoint)
    {
        using var file = CheckpointFile.Open(checkpoint);
        var recognised = UNetRecognizer.Recognise(file, UNetLoader.Weights(file, group: null), configPath: null);
        return (recognised.Config, recognised.Schedule);
    }

    /// <summary>Fills a store that is yet empty. No layer is left at zero, as those are that begin a residual branch's end.</summary>
    public static UNet Build(ParameterStore store, UNetConfig config, int? last = null, ulong seed = 0, DType? computeType = null)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        Torch.Torch.ManualSeed(seed);
        var net = new UNet(store.Root, config, last) { ComputeType = computeType ?? store.ComputeType };
        foreach (var weight in store.Parameters.Values.Where(p => p.Dimensions > 1 && p.Abs().Max().Item() == 0))
        {
            Inits.KaimingUniform(weight);
        }
        return net;
    }

    /// <summary>Writes a checkpoint of random weights.</summary>
    public static void WriteCheckpoint(string path, UNetConfig config, DType type, ulong seed, string schedule = "linear")
    {
        using var store = ParameterStore.New();
        Build(store, config, seed: seed);
        UNetFile.Write(path, config, schedule, store.ToEntries(type), new Dictionary<string, string> { [UNetFile.MadeWithKey] = $"{UNetFile.RandomWeights} of seed {seed}" });
    }
}
