using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Maps of twice and of half the size.</summary>
public static class MapSize
{
    /// <summary>Nearest neighbours: (N, C, H, W) -> (N, C, 2 H, 2 W).</summary>
    public static Tensor Double(Tensor x) => Kernels.MapSize(x) ? Dispatcher.Call("diffract::double_size", x) : Aten.UpsampleNearest2d(x, 2 * x.Size(2), 2 * x.Size(3));

    /// <summary>Means of 2x2 pixels, a last odd row or column left out: (N, C, H, W) -> (N, C, H / 2, W / 2).</summary>
    public static Tensor Halve(Tensor x) => Kernels.MapSize(x) && long.IsEvenInteger(x.Size(2)) && long.IsEvenInteger(x.Size(3)) ? Dispatcher.Call("diffract::halve_size", x) : Aten.AvgPool2d(x, 2);
}
