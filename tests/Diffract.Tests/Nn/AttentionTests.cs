using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

/// <summary>The project's own attention against the same formula in float64.</summary>
public sealed class AttentionTests
{
    [Theory]
    [InlineData(2, 64, 4, 32, false)]
    [InlineData(1, 256, 2, 64, true)]
    [InlineData(3, 1, 1, 16, true)]                                                        // a token sees itself alone
    [InlineData(2, 65, 3, 24, false)]                                                      // a CLS token more than panels hold, a width of no whole vectors
    [InlineData(1, 100, 2, 7, true)]
    [InlineData(1, 1024, 1, 80, false)]                                                    // wider than a panel
    [InlineData(0, 16, 2, 8, false)]
    public void Float32_agrees_with_float64_and_so_do_its_gradients(int n, int tokens, int heads, int width, bool inside)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(5);
        var (qkv, dout) = (Aten.Randn([n, tokens, 3 * heads * width]), Aten.Randn([n, tokens, heads * width]));

        var (result, gradient) = Run(qkv, dout, heads, inside);
        var (expected, expectedGradient) = Run(qkv.To(DType.Float64), dout.To(DType.Float64), heads, inside);

        AssertNear(expected, result, 2e-6);                                                // float32, rounding of up to 1,024 products in a row
        AssertNear(expectedGradient, gradient, 2e-6);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void A_query_that_is_no_number_gives_none(DType type)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(9);
        var qkv = Aten.Randn([1, 20, 3 * 32]);
        qkv.Narrow(1, 7, 1).Narrow(2, 0, 32).Copy_(Aten.Full([1], double.NaN, DType.Float32));

        var result = Attention.OfTokens(qkv.To(type), 1, inside: false).ToArray<float>();

        Assert.All(result.Index(), value => Assert.Equal(value.Index / 32 == 7, float.IsNaN(value.Item)));
    }

    [Theory]
    [InlineData(2, 70, 2, 32, false)]
    [InlineData(2, 70, 2, 32, true)]
    [InlineData(1, 256, 2, 64, true)]
    [InlineData(3, 1, 1, 16, true)]
    [InlineData(2, 65, 3, 24, false)]                                                      // an odd number of tokens: the last pair is half a pair
    [InlineData(1, 100, 2, 7, true)]                                                       // an odd width: no pairs
    [InlineData(1, 1024, 1, 80, false)]
    [InlineData(0, 16, 2, 8, false)]
    public void Bfloat16_maps_have_float32_sums(int n, int tokens, int heads, int width, bool inside)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(6);
        var (qkv, dout) = (Aten.Randn([n, tokens, 3 * heads * width]).To(DType.BFloat16), Aten.Randn([n, tokens, heads * width]).To(DType.BFloat16));

        var (result, gradient) = Run(qkv, dout, heads, inside);
        var (expected, expectedGradient) = Run(qkv.To(DType.Float64), dout.To(DType.Float64), heads, inside);

        Assert.Equal(DType.BFloat16, result.DType);
        AssertNear(expected, result, 1.0 / 256);                                           // weights and the result are rounded, to 8 bits each
        AssertNear(expectedGradient, gradient, 1.0 / 256);
    }

    [Fact]
    public void Large_scores_overflow_nothing()
    {
        using var scope = new TensorScope();
        var qkv = Aten.Randn([1, 40, 3 * 32]) * 100.0;

        AssertNear(Run(qkv.To(DType.Float64), Aten.Zeros([1, 40, 32], DType.Float64), 1, false).Result, Run(qkv, Aten.Zeros([1, 40, 32]), 1, false).Result, 2e-3); // scores of some thousand, rounded at 2e-4
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Neighbours_and_threads_change_nothing(DType type)
    {
        using var scope = new TensorScope();
        var threads = Torch.Torch.Threads;
        var (qkv, dout) = (Aten.Randn([5, 65, 3 * 64]).To(type), Aten.Randn([5, 65, 64]).To(type));
        (float[], float[]) Both(int first, int count)
        {
            var (result, gradient) = Run(qkv.Narrow(0, first, count), dout.Narrow(0, first, count), 2, inside: true);
            return (Values(result), Values(gradient));
        }
        try
        {
            Torch.Torch.Threads = 2;
            var (all, gradients) = Both(0, 5);
            Torch.Torch.Threads = 1;
            var (again, gradientsAgain) = Both(0, 5);
            Assert.Equal(all, again);
            Assert.Equal(gradients, gradientsAgain);
            var (one, gradient) = Both(3, 1);
            Assert.Equal(all[(3 * one.Length)..(4 * one.Length)], one);
            Assert.Equal(gradients[(3 * gradient.Length)..(4 * gradient.Length)], gradient);
        }
        finally
        {
            Torch.Torch.Threads = threads;
        }
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using var scope = new TensorScope();

        Assert.Contains("[2, 3, 50]", Assert.Throws<TorchException>(() => Dispatcher.Call("diffract::attention", Aten.Zeros([2, 3, 50]), 2, false)).Message);
    }

    static (Tensor Result, Tensor Gradient) Run(Tensor qkv, Tensor dout, int heads, bool inside)
    {
        var x = qkv.Detach();
        x.RequiresGrad = true;
        var result = Attention.OfTokens(x, heads, inside);
        (result * dout).Sum().Backward();
        return (result.Detach(), x.Grad!);
    }

    static float[] Values(Tensor x) => x.To(DType.Float32).ToArray<float>();

    static void AssertNear(Tensor expected, Tensor actual, double relative)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        var (e, a) = (expected.ToArray<double>(), actual.To(DType.Float64).ToArray<double>());
        var size = e.Select(Math.Abs).DefaultIfEmpty(0).Max();
        Assert.All(e.Zip(a), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, relative * size));
    }
}
