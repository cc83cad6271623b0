using Diffract.Torch;

namespace Diffract.Features;

public static class Pooling
{
    /// <summary>Adaptive average to k x k, in float32; a side that is not longer than k stays; k = 0 keeps the map.</summary>
    /// <param name="map">(N, C, H, W) of any float type.</param> <returns>(N, C, min(k, H), min(k, W)) float32, contiguous.</returns>
    public static Tensor Average(Tensor map, int k)
    {
        using var scope = new TensorScope();
        var x = map.To(DType.Float32);
        var (height, width) = (x.Size(2), x.Size(3));
        if (k > 0 && (k < height || k < width))
        {
            x = Dispatcher.Call("aten::adaptive_avg_pool2d", x, (long[])[Math.Min(k, height), Math.Min(k, width)]);
        }
        return scope.Return(x == map ? x.Alias().Contiguous() : x.Contiguous());
    }
}
