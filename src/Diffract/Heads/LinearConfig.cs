using System.Text.Json.Nodes;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>The linear head, or with hidden layers the MLP: pooled maps side by side, then linear layers with ReLU between them.</summary>
/// <remarks>
/// A map is always pooled to <see cref="Pool"/> x <see cref="Pool"/>, as in the released code: one that is smaller is thereby enlarged,
/// its values repeated. (The attention head leaves small maps as they are.)
/// </remarks>
public sealed record LinearConfig : HeadConfig
{
    /// <summary>Side of the pooled map.</summary>
    public int Pool { get; init; } = 2;

    /// <summary>Widths of the hidden layers; none: a linear probe.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [];

    /// <summary>Batch norm without weights before the first layer, as the first paper's section 3.3 has it; the released code has none.</summary>
    public bool BatchNorm { get; init; }

    public override string Kind => Hidden.Count == 0 ? "linear" : "mlp";

    public override bool NormsOverBatch => BatchNorm;

    /// <summary>Values of a picture that the first layer sees.</summary>
    public long Inputs => (long)Ts.Count * Blocks.Sum(b => (long)b.Channels) * Pool * Pool;

    /// <summary>What the first layer sees: maps pooled and flattened (C, H, W), blocks side by side, then steps. It has no weights, so it can be made once for all epochs.</summary>
    /// <param name="maps">As for <see cref="Head.Forward"/>.</param> <returns>(N, <see cref="Inputs"/>), float32.</returns>
    /// <exception cref="ArgumentException">A map is missing or has other channels.</exception>
    public Tensor Vector(IReadOnlyDictionary<FeatureKey, Tensor> maps)
    {
        using var scope = new TensorScope();
        return scope.Return(Head.Joined([.. Ts.SelectMany(t => Blocks.Select(block => Pooled(Head.Map(maps, t, block)).Flatten(1)))], 1));
    }

    Tensor Pooled(Tensor map) => map.Size(2) == Pool && map.Size(3) == Pool ? map : Aten.AdaptiveAvgPool2d(map, Pool);

    private protected override Head Make(Params p) => new LinearHead(p, this);

    private protected override void AddTo(JsonObject json)
    {
        json["pool"] = Pool;
        json["batchNorm"] = BatchNorm;
        if (Hidden.Count > 0)
        {
            json["hidden"] = new JsonArray([.. Hidden.Select(width => (JsonNode)width)]);
        }
    }

    private protected override IEnumerable<string> OwnFaults() => new[] { Outside("pool", Pool, 1, 1024), Outside("the number of hidden layers", Hidden.Count, 0, 64) }
        .Concat(Hidden.Select(width => Outside("a width of hidden", width, 1, 1_000_000))).OfType<string>();
}
