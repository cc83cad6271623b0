using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How fast a named machine is, for times that are computed and not measured.</summary>
/// <param name="BFloat16">Multiply-adds a second of the 256x256 net's pass to block 24.</param> <param name="Float32">Likewise; also taken for heads.</param>
public sealed record MachineRate(string Name, double BFloat16, double Float32)
{
    /// <summary>0.406 and 0.999 seconds a picture to block 24 (`diffract bench extract`, bench/results/amd-epyc/extract.md).</summary>
    public static MachineRate Reference { get; } = new("two cores of an AMD EPYC (Zen 5)", Block24 / 0.406, Block24 / 0.999);

    public double Seconds(double netMultiplyAdds, DType precision, double headMultiplyAdds) => netMultiplyAdds / (precision == DType.BFloat16 ? BFloat16 : Float32) + headMultiplyAdds / Float32;

    static double Block24 => PassCost.MultiplyAdds(new UNetLayout(new UNetConfig()), 24, 256, 256);
}

/// <summary>Multiply-adds of a pass.</summary>
static class PassCost
{
    /// <summary>One picture's pass up to and with a block.</summary>
    public static long MultiplyAdds(UNetLayout layout, int lastBlock, int height, int width) => layout.Blocks.Take(lastBlock).Sum(block => UNetShapes.MultiplyAdds(block, layout.Config, height, width));
}
