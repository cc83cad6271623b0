using System.Text.Json.Nodes;
using Diffract.Nn;

namespace Diffract.Heads;

/// <summary>The CNN head: learned pooling. Blocks of a 2x2 convolution, ReLU and 2x2 maximum pooling, then average pooling, flattened, and a linear layer.</summary>
/// <remarks>
/// 2307.08702, supplementary A and Table 8: two such blocks, average pooling to 2 x 2, any widths. Activation, stride and padding are not given there; ReLU, stride 1
/// and no padding are ours, as is the way several maps are joined: convolutions of its own for each U-Net block, shared by all steps, and their vectors side by side.
/// </remarks>
public sealed record CnnConfig : HeadConfig
{
    /// <summary>Output channels of each convolution.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [1024, 1024];

    /// <summary>Zeros around the map before each convolution: 0, or 1 for maps that would else become too small.</summary>
    public int Padding { get; init; }

    /// <summary>Side of the map that is flattened.</summary>
    public int Pool { get; init; } = 2;

    public override string Kind => "cnn";

    /// <summary>Values of a picture that the linear layer sees.</summary>
    public long Inputs => (long)Ts.Count * Blocks.Count * Widths[^1] * Pool * Pool;

    /// <summary>Least side of a map that leaves something after all convolutions and poolings.</summary>
    public static int LeastSide(int convolutions, int padding) => Enumerable.Range(0, convolutions).Aggregate(1, (side, _) => Math.Max(1, 2 * side + 1 - 2 * padding));

    private protected override Head Make(Params p) => new CnnHead(p, this);

    private protected override void AddTo(JsonObject json)
    {
        json["widths"] = new JsonArray([.. Widths.Select(width => (JsonNode)width)]);
        json["padding"] = Padding;
        json["pool"] = Pool;
    }

    private protected override IEnumerable<string> OwnFaults() => new[] { Outside("the number of widths", Widths.Count, 1, 16), Outside("padding", Padding, 0, 1), Outside("pool", Pool, 1, 1024) }
        .Concat(Widths.Select(width => Outside("a width of widths", width, 1, 65536)))
        .Concat(Blocks.Select(SizeFault)).OfType<string>();

    string? SizeFault(FeatureSpec b) => Math.Min(b.Height, b.Width) >= LeastSide(Widths.Count, Padding) ? null
        : $"block {b.Block} is {b.Height} x {b.Width}; {Widths.Count} convolutions with padding {Padding} need {LeastSide(Widths.Count, Padding)} x {LeastSide(Widths.Count, Padding)}{(Padding == 0 ? ", with padding 1 fewer" : "")}";
}
