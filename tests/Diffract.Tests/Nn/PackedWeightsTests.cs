using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public sealed class PackedWeightsTests
{
    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.75, 0.5)]
    [InlineData(1.0, 1.0)]
    public void A_model_keeps_no_more_than_the_limit_and_computes_the_same(double limit, double kept)
    {
        using var off = GradMode.Off();
        using var x = Aten.Randn([2, 16, 8, 8]);
        var before = Kernels.PackedMemory;
        try
        {
            Kernels.PackedMemory = long.MaxValue;
            var (expected, all) = TwoLayers(x);
            Kernels.PackedMemory = (long)(limit * all);

            var (result, bytes) = TwoLayers(x);

            Assert.Equal(kept * all, bytes);
            Assert.Equal(expected, result, (a, b) => Math.Abs(a - b) <= 1e-5 * (1 + Math.Abs(a)));  // float32, sums of 144 products, by two algorithms
        }
        finally
        {
            Kernels.PackedMemory = before;
        }
    }

    [Theory]
    [InlineData(32, 0.0)]                                                                  // packed in each pass: the same sums
    [InlineData(16, 1e-5)]                                                                 // by ATen
    public void Weights_that_are_not_kept_give_the_same_result_and_gradient(int side, double tolerance)
    {
        using var scope = new TensorScope();
        var before = Kernels.PackedMemory;
        float[][] Run(long limit)
        {
            Kernels.PackedMemory = limit;
            using var store = ParameterStore.New();
            Torch.Torch.ManualSeed(3);
            var (layer, x) = (new Conv2d(store.Root, 32, 16, 3), Aten.Randn([1, 32, side, side]));
            foreach (var parameter in store.Parameters.Values) { parameter.RequiresGrad = false; }
            x.RequiresGrad = true;
            var y = layer.Forward(x);
            (y * y).Sum().Backward();
            Assert.Equal(limit > 0 && Kernels.Serve, store.PackedBytes > 0);
            return [y.Detach().ToArray<float>(), x.Grad!.ToArray<float>()];
        }
        try
        {
            foreach (var (want, got) in Run(long.MaxValue).Zip(Run(0)))
            {
                Assert.Equal(want, got, (a, b) => Math.Abs(a - b) <= tolerance * (1 + Math.Abs(a)));
            }
        }
        finally
        {
            Kernels.PackedMemory = before;
        }
    }

    static (float[] Result, long PackedBytes) TwoLayers(Tensor x)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        Torch.Torch.ManualSeed(3);
        var (first, second) = (new Conv2d(store.Root["first"], 16, 16, 3), new Conv2d(store.Root["second"], 16, 16, 3));
        var result = second.Forward(first.Forward(x)).ToArray<float>();
        return (result, store.PackedBytes);
    }
}
