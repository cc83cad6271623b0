using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class MapSizeTests
{
    [Theory]
    [InlineData(DType.Float32, 3, 16, 8, 12)]
    [InlineData(DType.BFloat16, 3, 16, 8, 12)]
    [InlineData(DType.BFloat16, 1, 7, 2, 2)]
    [InlineData(DType.Float32, 2, 5, 7, 6)]                                                // an odd side: its last row has no part
    [InlineData(DType.Float32, 0, 4, 4, 4)]
    public void Maps_and_gradients_are_those_of_float64(DType type, int n, int channels, int height, int width)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(3);
        var x = Aten.Randn([n, channels, height, width]).To(type);

        Same(MapSize.Double, wide => Aten.UpsampleNearest2d(wide, 2 * height, 2 * width), x, [n, channels, 2 * height, 2 * width]);
        Same(MapSize.Halve, wide => Aten.AvgPool2d(wide, 2), x, [n, channels, height / 2, width / 2]);
    }

    [Fact]
    public void Channels_last_maps_stay_so_in_both_directions()
    {
        using var scope = new TensorScope();
        var x = Aten.Randn([2, 16, 8, 8]).ChannelsLast().To(DType.BFloat16);
        foreach (var change in (Func<Tensor, Tensor>[])[MapSize.Double, MapSize.Halve])
        {
            var leaf = x.Detach();
            leaf.RequiresGrad = true;
            var y = change(leaf);
            (y * Aten.Randn(y.Shape).ChannelsLast().To(DType.BFloat16)).Sum().Backward();
            Assert.Equal((1L, 1L), (y.Strides[1], leaf.Grad!.Strides[1]));
        }
    }

    // Results are rounded once, sums of four and means of four alike.
    static void Same(Func<Tensor, Tensor> change, Func<Tensor, Tensor> exact, Tensor x, long[] shape)
    {
        var weight = Aten.Randn(shape).To(x.DType);
        var (result, gradient) = Run(change, x, weight);
        var (wanted, wantedGradient) = Run(exact, x.To(DType.Float64), weight.To(DType.Float64));

        Assert.Equal(shape, result.Shape);
        Assert.Equal(x.DType, gradient.DType);
        foreach (var (one, other) in new[] { (wanted, result), (wantedGradient, gradient) })
        {
            var (e, a) = (one.ToArray<double>(), other.To(DType.Float64).ToArray<double>());
            Assert.All(e.Zip(a), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, Math.Max(1, Math.Abs(pair.First)) * (x.DType == DType.Float32 ? 3e-7 : 1.0 / 256)));
        }
    }

    static (Tensor Result, Tensor Gradient) Run(Func<Tensor, Tensor> change, Tensor x, Tensor weight)
    {
        var leaf = x.Detach();
        leaf.RequiresGrad = true;
        var y = change(leaf);
        (y * weight).Sum().Backward();
        return (y.Detach(), leaf.Grad!);
    }
}
