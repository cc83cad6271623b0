using System.Text.Json.Nodes;
using Diffract.Nn;

namespace Diffract.Heads;

/// <summary>
/// The attention head: tokens of all blocks and a CLS token through transformer blocks, for each step; the CLS tokens of the steps side by side through a
/// linear layer. One block and one step is the papers' attention head, several are DifFormer. Defaults are the released code's.
/// </summary>
public sealed record AttentionConfig : HeadConfig
{
    public TokenConfig Tokens { get; init; } = new TokenConfig.Projected();

    /// <summary>Width of a token.</summary>
    public int Dim { get; init; } = 1024;

    /// <summary>Transformer blocks.</summary>
    public int Depth { get; init; } = 2;

    public int Heads { get; init; } = 8;

    /// <summary>Width of the MLPs over <see cref="Dim"/>.</summary>
    public double MlpRatio { get; init; } = 4;

    /// <summary>
    /// Layers between tokens and logits that <see cref="Depth"/>, <see cref="Heads"/> and <see cref="MlpRatio"/> do not describe, instead of these three.
    /// Null: a CLS token in front, <see cref="Depth"/> transformer blocks, and the CLS token read out.
    /// </summary>
    public IReadOnlyList<TokenLayer>? Layers { get; init; }

    public override string Kind => "attention";

    public override bool NormsOverBatch => Tokens is TokenConfig.Projected { Norm: TokenNorm.Batch };

    /// <summary>The layers, whichever way they are given.</summary>
    internal IReadOnlyList<TokenLayer> Sequence => Layers ?? [new TokenLayer.InsertCls(), new TokenLayer.Transformer(Heads, MlpRatio, Depth), new TokenLayer.First()];

    // The tokens of all blocks; blocks that are left open may have any number.
    TokenShape Input => new(Math.Max(1, Blocks.Sum(TokensOf)), Dim);

    /// <summary>What each step gives to the last layer.</summary>
    internal TokenShape Output => Sequence.Aggregate(Input, (x, layer) => layer.After(x));

    /// <summary>Each layer with the shape that comes to it.</summary>
    internal IEnumerable<(TokenLayer Layer, TokenShape Before)> Shapes()
    {
        var x = Input;
        foreach (var layer in Sequence)
        {
            yield return (layer, x);
            x = layer.After(x);
        }
    }

    /// <summary>Tokens that a block's map becomes.</summary>
    internal long TokensOf(FeatureSpec block) => Tokens switch
    {
        TokenConfig.Projected tokens => (long)Math.Min(tokens.Size, block.Height) * Math.Min(tokens.Size, block.Width),
        TokenConfig.Pooled tokens => (long)tokens.Windows(block.Height) * tokens.Windows(block.Width),
        _ => 0,
    };

    /// <summary>Reads a layer string of the released code, such as "Use_CLS_Token:True:1024,Insert_CLS_Token,Attention:1024:8:4:2,Extract_CLS_Token".</summary>
    /// <remarks>
    /// A string with "Reshape" describes a whole head without projection, whose last "Dense", if there is one, gives the logits; one without it stands behind
    /// <see cref="TokenConfig.Projected"/> tokens, whose size and norm it does not tell. What follows a "/" is dropped, as in the released code. Words that
    /// cannot be used are refused: the released code passes over those it does not know in silence, and so trains another head than was asked for.
    /// </remarks>
    /// <exception cref="HeadConfigException">The string does not describe such a head; all faults are named.</exception>
    public static AttentionConfig FromLayerString(string text) => LayerString.Read(text);

    private protected override Head Make(Params p) => new AttentionHead(p, this);

    private protected override void AddTo(JsonObject json)
    {
        json["tokens"] = Tokens switch
        {
            TokenConfig.Projected tokens => new JsonObject { ["kind"] = "projected", ["size"] = tokens.Size, ["norm"] = tokens.Norm.ToString().ToLowerInvariant() },
            TokenConfig.Pooled { Stride: { } stride } tokens => new JsonObject { ["kind"] = "pooled", ["kernel"] = tokens.Kernel, ["stride"] = stride },
            TokenConfig.Pooled tokens => new JsonObject { ["kind"] = "pooled", ["kernel"] = tokens.Kernel },
            _ => null,
        };
        json["dim"] = Dim;
        if (Layers is not null)
        {
            json["layers"] = new JsonArray([.. Layers.Select(layer => (JsonNode)ToJson(layer))]);
            return;
        }
        json["depth"] = Depth;
        json["heads"] = Heads;
        json["mlpRatio"] = MlpRatio;
    }

    static JsonObject ToJson(TokenLayer layer)
    {
        var json = new JsonObject { ["kind"] = layer.Kind };
        switch (layer)
        {
            case TokenLayer.Transformer blocks:
                (json["heads"], json["mlpRatio"], json["depth"]) = (blocks.Heads, blocks.MlpRatio, blocks.Depth);
                break;
            case TokenLayer.Dense dense:
                (json["width"], json["activation"]) = (dense.Width, dense.Activation.ToString().ToLowerInvariant());
                break;
        }
        return json;
    }

    private protected override IEnumerable<string> OwnFaults() => (Layers is null ? PlainFaults() : LayerFaults()).Prepend(Outside("dim", Dim, 1, 65536)).Concat(Tokens switch
    {
        TokenConfig.Projected tokens => [Outside("tokens.size", tokens.Size, 1, 1024), Enum.IsDefined(tokens.Norm) ? null : $"tokens.norm is {tokens.Norm}"],
        TokenConfig.Pooled tokens => Blocks.SelectMany(b => PooledFaults(tokens, b)).Append(Outside("tokens.kernel", tokens.Kernel, 1, 1024)).Append(Outside("tokens.stride", tokens.Stride ?? tokens.Kernel, 1, 1024)),
        _ => [],
    }).OfType<string>();

    IEnumerable<string?> PlainFaults() =>
    [
        Outside("depth", Depth, 1, 256), Outside("heads", Heads, 1, 1024),
        Dim > 0 && Heads > 0 && Dim % Heads != 0 ? $"heads is {Heads}, which does not divide dim {Dim}" : null,
        MlpRatio > 0 && MlpRatio <= 64 && (long)(Dim * MlpRatio) >= 1 ? null : FormattableString.Invariant($"mlpRatio is {MlpRatio}, expected a number in (0, 64] that leaves dim {Dim} a hidden width"),
    ];

    // Only the first layer that cannot stand where it stands: what comes to the later ones follows from it.
    IEnumerable<string?> LayerFaults() =>
    [
        Outside("the number of layers", Layers!.Count, 1, 256)
            ?? Shapes().Select((step, i) => step.Layer.Fault(step.Before, Dim) is { } fault ? $"layers[{i}] ({step.Layer.Kind}): {fault}" : null).FirstOrDefault(fault => fault is not null)
            ?? (Output.Tokens is null ? null : "layers do not read the tokens out; expected first, mean or flatten among them"),
    ];

    IEnumerable<string?> PooledFaults(TokenConfig.Pooled tokens, FeatureSpec b) =>
    [
        b.Channels == Dim ? null : $"block {b.Block} has {b.Channels} channels and dim is {Dim}: pooled tokens are as wide as the map has channels, projected tokens may be wider or narrower",
        Math.Min(b.Height, b.Width) >= tokens.Kernel ? null : $"block {b.Block} is {b.Height} x {b.Width}, smaller than the tokens' window of {tokens.Kernel}",
    ];
}
