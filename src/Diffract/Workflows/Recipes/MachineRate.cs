using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How fast a named machine is, for times that are computed and not measured.</summary>
/// <param name="BFloat16">Multiply-adds a second of the 256x256 net's pass to block 24.</param> <param name="Float32">Likewise; also taken for heads.</param>
public sealed record MachineRate(string Name, double BFloat16, double Float32)
{
    /// <summary>0.365 and 0.637 seconds a picture to block 24 (`diffract bench extract`, bench/results/amd-epyc/extract.md).</summary>
    public static MachineRate Reference { get; } = new("two cores of an AMD EPYC (Zen 5)", Block24 / 0.365, Block24 / 0.637);

    // Of that rate, what passes reach that record gradients, with those back: 0.45 for DifFeed and 0.39 for fine-tuning, on the net of recipes/cifar-10.json in bfloat16.
    const double Recorded = 0.45;

    /// <summary>Seconds for passes of the net, some of which record gradients, and for heads.</summary>
    public double Seconds(RowCost cost, DType precision) => (cost.Net - cost.Recorded + cost.Recorded / Recorded) / (precision == DType.BFloat16 ? BFloat16 : Float32) + cost.Head / Float32;

    static double Block24 => PassCost.MultiplyAdds(new UNetLayout(new UNetConfig()), 24, 256, 256);
}

/// <summary>Multiply-adds of a pass.</summary>
static class PassCost
{
    /// <summary>One picture's pass up to and with a block.</summary>
    public static long MultiplyAdds(UNetLayout layout, int lastBlock, int height, int width) => layout.Blocks.Take(lastBlock).Sum(block => UNetShapes.MultiplyAdds(block, layout.Config, height, width));
}
