using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Defines a head beside its weights. It is complete, and can be built, once blocks, steps and classes are given.</summary>
public abstract record HeadConfig
{
    const int MostClasses = 10_000_000, MostBlocks = 256, MostSteps = 1000;

    private protected HeadConfig() { }

    /// <summary>Steps of the noise, from 0, ascending, without repeats.</summary>
    public IReadOnlyList<int> Ts { get; init; } = [];

    /// <summary>Blocks whose maps are read, with the shapes in which they come; ascending, without repeats.</summary>
    public IReadOnlyList<FeatureSpec> Blocks { get; init; } = [];

    /// <summary>Outputs.</summary>
    public int Classes { get; init; }

    /// <summary>"linear", "mlp", "cnn", "attention" or "diffeed".</summary>
    public abstract string Kind { get; }

    /// <summary>The deepest block that is needed of the net.</summary>
    public virtual int Deepest => Blocks[^1].Block;

    /// <summary>True where what it makes of a picture in training depends on the others of the batch: it has batch norm.</summary>
    public virtual bool NormsOverBatch => false;

    /// <summary>The maps that the head reads, those of the first step first.</summary>
    public IEnumerable<FeatureKey> Keys => Ts.SelectMany(t => Blocks.Select(block => new FeatureKey(t, block.Block)));

    /// <summary>The same with the inputs and outputs that were left open.</summary>
    /// <param name="ts">Steps, ascending.</param> <param name="blocks">Maps as they come, ascending by block.</param> <param name="classes">Outputs.</param>
    public virtual HeadConfig Complete(IReadOnlyList<int> ts, IReadOnlyList<FeatureSpec> blocks, int classes) => this with { Ts = ts, Blocks = blocks, Classes = classes };

    /// <summary>Makes the head's parameters, or fetches them from a checkpoint.</summary>
    /// <param name="p">In a store of float32 weights, or of float64 ones to check gradients.</param>
    /// <exception cref="HeadConfigException">The configuration is incomplete or at fault.</exception>
    public Head Build(Params p)
    {
        Check("head");
        return p.Store.ComputeType is DType.Float32 or DType.Float64 ? Make(p)
            : throw new ArgumentException($"a head's weights are float32, the store's are {p.Store.ComputeType}: give the head a store of its own", nameof(p));
    }

    /// <summary>Name and shape of every trained parameter. Takes no memory for them.</summary>
    /// <exception cref="HeadConfigException">The configuration is incomplete or at fault.</exception>
    public IReadOnlyList<(string Name, long[] Shape)> Parameters()
    {
        using var shapes = ParameterStore.From(new Dictionary<string, StoredTensor>());    // an empty checkpoint: every parameter is a stand-in of its shape
        Build(shapes.Root);
        return [.. shapes.Parameters.Select(pair => (pair.Key, pair.Value.Shape))];
    }

    /// <summary>Trained values.</summary>
    public long ParameterCount() => Parameters().Sum(p => p.Shape.Aggregate(1L, (product, size) => product * size));

    /// <summary>Throws where the head cannot be built.</summary>
    /// <param name="where">For the message.</param>
    /// <exception cref="HeadConfigException">With all faults.</exception>
    public void Check(string where) => HeadConfigException.ThrowIfAny(where, Faults(complete: true));

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["kind"] = Kind,
            ["ts"] = new JsonArray([.. Ts.Select(t => (JsonNode)t)]),
            ["blocks"] = new JsonArray([.. Blocks.Select(b => new JsonObject { ["block"] = b.Block, ["channels"] = b.Channels, ["height"] = b.Height, ["width"] = b.Width })]),
            ["classes"] = Classes,
        };
        AddTo(json);
        return json;
    }

    /// <summary>Reads {"kind": "attention", "depth": 2, ...}; what is left out has its default, blocks, steps and classes may be filled in later.</summary>
    /// <param name="where">For errors: the file.</param>
    /// <exception cref="HeadConfigException">A key is unknown or a value cannot be used; all faults are named.</exception>
    public static HeadConfig Parse(JsonElement json, string where) => HeadConfigReader.Read(json, where);

    private protected abstract Head Make(Params p);

    private protected abstract void AddTo(JsonObject json);

    private protected abstract IEnumerable<string> OwnFaults();

    // What makes the head impossible; what is not there yet counts only where it should be complete.
    internal IEnumerable<string> Faults(bool complete) => Missing(complete).Concat(InputFaults()).Concat(OwnFaults());

    private protected static string? Outside(string name, long value, long low, long high) => value >= low && value <= high ? null : $"{name} is {value}, expected {low} to {high}";

    IEnumerable<string> Missing(bool complete)
    {
        if (complete)
        {
            foreach (var name in new[] { Ts.Count == 0 ? "ts" : null, Blocks.Count == 0 ? "blocks" : null, Classes == 0 ? "classes" : null }.OfType<string>())
            {
                yield return $"{name} is not given";
            }
        }
    }

    // The released code pairs maps with the wrong blocks where its lists are not ascending.
    IEnumerable<string> InputFaults()
    {
        var faults = new List<string?>
        {
            Outside("classes", Classes, 0, MostClasses), Outside("the number of blocks", Blocks.Count, 0, MostBlocks), Outside("the number of steps", Ts.Count, 0, MostSteps),
            Ascending("ts", Ts), Ascending("blocks", [.. Blocks.Select(b => b.Block)]),
        };
        faults.AddRange(Ts.Select(t => Outside("a step of ts", t, 0, 1_000_000)));
        foreach (var b in Blocks)
        {
            faults.Add(Outside("a block's number", b.Block, 1, 1000));
            faults.Add(Outside($"block {b.Block}: channels", b.Channels, 1, 65536));
            faults.Add(Outside($"block {b.Block}: height", b.Height, 1, 8192));
            faults.Add(Outside($"block {b.Block}: width", b.Width, 1, 8192));
        }
        return faults.OfType<string>();
    }

    static string? Ascending(string name, IReadOnlyList<int> list) => list.Zip(list.Skip(1)).All(pair => pair.First < pair.Second) ? null
        : $"{name} is [{string.Join(", ", list)}], expected an ascending list without repeats";
}

/// <summary>A configuration of a head cannot be used; the message names every fault.</summary>
public sealed class HeadConfigException(string message) : Exception(message)
{
    internal static void ThrowIfAny(string where, IEnumerable<string> faults)
    {
        var all = faults.ToList();
        if (all.Count > 0)
        {
            throw new HeadConfigException($"{where}: {string.Join("; ", all)}");
        }
    }
}
