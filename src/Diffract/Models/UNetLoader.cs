using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Models;

/// <summary>A net with its weights, read from a file and checked. Dispose it after the last use of the net.</summary>
public sealed class LoadedUNet : IDisposable
{
    readonly CheckpointFile _file;
    readonly IReadOnlyDictionary<string, StoredTensor> _weights;

    internal LoadedUNet(CheckpointFile file, string? stateDict, IReadOnlyDictionary<string, StoredTensor> weights, ParameterStore store, UNet net, RecognisedNet recognised) =>
        (_file, StateDict, _weights, Store, Net, Recognised) = (file, stateDict, weights, store, net, recognised);

    public UNet Net { get; }
    public ParameterStore Store { get; }
    public RecognisedNet Recognised { get; }
    public UNetConfig Config => Net.Config;

    /// <summary>The file the weights came from.</summary>
    public string Path => _file.Path;

    /// <summary>Which of the file's nets it is, by name; null where there is one.</summary>
    public string? StateDict { get; }

    /// <summary>SHA-256 of that file in lower-case hex; the file is read through on first use.</summary>
    public string Fingerprint => _file.Sha256;

    /// <summary>Reads the weights anew, in place of what training has made of them.</summary>
    public void Restore() => Store.Load(_weights);

    public void Dispose()
    {
        Store.Dispose();
        _file.Dispose();
    }
}

/// <summary>From a checkpoint to a net that can run.</summary>
public static class UNetLoader
{
    /// <summary>Opens, recognises, reads and checks a checkpoint. Gradients of its weights are off.</summary>
    /// <param name="model">A file, or the name of a fetched published checkpoint; "FILE#ema" names one of several state dicts in a file.</param>
    /// <param name="configPath">JSON of guided-diffusion's flags; null: see <see cref="UNetRecognizer"/>.</param>
    /// <param name="precision">Type of maps and of the weights of products: float32 or bfloat16.</param>
    /// <param name="device">Null: the processor.</param>
    /// <param name="lastBlock">The deepest block that is wanted; what lies behind it is not read. Null: the whole net, with its output.</param>
    /// <exception cref="CheckpointException">There is no such file, it is no such U-Net, or tensors are missing, unread or of another shape.</exception>
    /// <exception cref="UNetConfigException">The configuration cannot be used, or disagrees with the weights.</exception>
    public static LoadedUNet Open(string model, string? configPath = null, DType precision = DType.Float32, Device? device = null, int? lastBlock = null)
    {
        var (path, group) = Split(model);
        var file = CheckpointFile.Open(ModelCache.Resolve(path));
        ParameterStore? store = null;
        try
        {
            var weights = Weights(file, group);
            var recognised = UNetRecognizer.Recognise(file, weights, configPath);
            CheckBlock(lastBlock, recognised, file.Path);
            store = ParameterStore.From(weights, precision, device);
            var net = new UNet(store.Root, recognised.Config, lastBlock);
            var later = LaterNames(net, lastBlock);
            store.Verify(file.Path, later.Contains, () => Hint(recognised));
            return new(file, StateDictOf(file, group), weights, store, net, recognised);
        }
        catch
        {
            store?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>The state dict that is meant, under the net's own names.</summary>
    /// <exception cref="CheckpointException">There are several, and none was named; or none of that name.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Weights(CheckpointFile file, string? group)
    {
        if (group is null)
        {
            var nets = NetsOf(file);
            return nets.Count < 2 ? file.StateDict()
                : throw new CheckpointException($"{file.Path}: holds {nets.Count} nets. Name one: {string.Join(" or ", nets.Take(4).Select(net => $"{file.Path}#{net}"))} (features come from the averaged weights, ema)");
        }
        var weights = file.Under(group);
        return weights.Count > 0 ? weights : throw new CheckpointException($"{file.Path}: there is nothing under '{group}'; {(file.Groups.Count > 0 ? $"there is {string.Join(", ", file.Groups.Take(8))}" : "its tensors lie under no such name: leave out what follows the '#'")}");
    }

    /// <summary>The name by which a net is told from others of its file; null where there are none.</summary>
    internal static string? StateDictOf(CheckpointFile file, string? group) => NetsOf(file).Count > 1 ? group : null;

    // Names before those of a net, where it has one.
    static List<string> NetsOf(CheckpointFile file)
    {
        const string First = ".time_embed.0.weight";
        return [.. file.Tensors.Keys.Where(name => name.EndsWith(First, StringComparison.Ordinal)).Select(name => name[..^First.Length])];
    }

    /// <summary>"FILE#group" into its parts; a file whose own name has a '#' is left whole.</summary>
    public static (string Path, string? Group) Split(string model) =>
        !File.Exists(model) && model.LastIndexOf('#') is > 0 and var at && at < model.Length - 1 ? (model[..at], model[(at + 1)..]) : (model, null);

    static void CheckBlock(int? lastBlock, RecognisedNet recognised, string path)
    {
        var blocks = new UNetLayout(recognised.Config).Blocks.Count;
        if (lastBlock < 1 || lastBlock > blocks)
        {
            throw new ArgumentException($"block {lastBlock}: {path} has blocks 1 to {blocks}");
        }
    }

    static HashSet<string> LaterNames(UNet net, int? lastBlock) => lastBlock is not { } last ? []
        : [.. net.Layout.Blocks.Skip(last).SelectMany(block => UNetShapes.Block(block, net.Config)).Select(p => p.Name), "out.0.weight", "out.0.bias", "out.2.weight", "out.2.bias"];

    static string Hint(RecognisedNet recognised) => recognised.Published is { } published
        ? $"By most of its shapes this is {published.Name} of {published.Family}; the file may be damaged, or the net was changed."
        : "The file may be cut short, or hold a net of another make with the same names.";
}
