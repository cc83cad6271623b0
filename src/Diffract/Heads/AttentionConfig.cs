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

    public override string Kind => "attention";

    /// <summary>Reads a layer string of the released code, such as "Use_CLS_Token:True:1024,Insert_CLS_Token,Attention:1024:8:4:2,Extract_CLS_Token".</summary>
    /// <remarks>
    /// A string with "Reshape" describes a whole head without projection, which may end in a "Dense" that tells the classes; one without it stands behind
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
        json["depth"] = Depth;
        json["heads"] = Heads;
        json["mlpRatio"] = MlpRatio;
    }

    private protected override IEnumerable<string> OwnFaults() => new[]
    {
        Outside("dim", Dim, 1, 65536), Outside("depth", Depth, 1, 256), Outside("heads", Heads, 1, 1024),
        Dim > 0 && Heads > 0 && Dim % Heads != 0 ? $"heads is {Heads}, which does not divide dim {Dim}" : null,
        MlpRatio > 0 && MlpRatio <= 64 && (long)(Dim * MlpRatio) >= 1 ? null : FormattableString.Invariant($"mlpRatio is {MlpRatio}, expected a number in (0, 64] that leaves dim {Dim} a hidden width"),
    }.Concat(Tokens switch
    {
        TokenConfig.Projected tokens => [Outside("tokens.size", tokens.Size, 1, 1024), Enum.IsDefined(tokens.Norm) ? null : $"tokens.norm is {tokens.Norm}"],
        TokenConfig.Pooled tokens => Blocks.SelectMany(b => PooledFaults(tokens, b)).Append(Outside("tokens.kernel", tokens.Kernel, 1, 1024)).Append(Outside("tokens.stride", tokens.Stride ?? tokens.Kernel, 1, 1024)),
        _ => [],
    }).OfType<string>();

    IEnumerable<string?> PooledFaults(TokenConfig.Pooled tokens, FeatureSpec b) =>
    [
        b.Channels == Dim ? null : $"block {b.Block} has {b.Channels} channels and dim is {Dim}: pooled tokens are as wide as the map has channels, projected tokens may be wider or narrower",
        Math.Min(b.Height, b.Width) >= tokens.Kernel ? null : $"block {b.Block} is {b.Height} x {b.Width}, smaller than the tokens' window of {tokens.Kernel}",
    ];
}
