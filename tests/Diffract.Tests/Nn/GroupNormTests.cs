using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class GroupNormTests
{
    public static TheoryData<int, int, int, int, int> Sizes => new()
    {
        { 2, 32, 32, 8, 8 }, { 1, 64, 32, 1, 1 }, { 3, 36, 3, 5, 7 }, { 2, 96, 32, 16, 9 }, { 1, 21, 7, 33, 2 }, { 2, 320, 32, 13, 11 },
    };

    // The formula in float64, with ATen's operators: what both the kernel and the composition must give.
    static Tensor Exact(Tensor x, Tensor weight, Tensor bias, Tensor? scale, Tensor? shift, int groups, bool silu)
    {
        var h = Aten.GroupNorm(x, groups, weight, bias);
        h = scale is null ? h : h * (1.0 + scale.Unsqueeze2d()) + shift!.Unsqueeze2d();
        return silu ? h.Silu() : h;
    }

    [Theory, MemberData(nameof(Sizes))]
    public void GroupNormSilu_and_its_gradients_match_float64(int n, int c, int groups, int height, int width)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(1);
        foreach (var modulated in (bool[])[false, true])
        {
            var x = Aten.Randn([n, c, height, width]) * 3.0 + 5.0;                         // a mean far from 0, where squares would cancel
            Tensor[] single = [x, Aten.Randn([c]), Aten.Randn([c]), Aten.Randn([n, c]) * 0.5, Aten.Randn([n, c])];
            Tensor[] exact = [.. single.Select(t => t.To(DType.Float64))];
            foreach (var leaf in exact.Concat(single))
            {
                leaf.RequiresGrad = true;
            }
            var weights = Aten.Randn([n, c, height, width], DType.Float64);

            var want = Exact(exact[0], exact[1], exact[2], modulated ? exact[3] : null, exact[4], groups, silu: true);
            (want * weights).Sum().Backward();
            var got = Dispatcher.Call("diffract::group_norm_silu", single[0], single[1], single[2], modulated ? single[3] : null, modulated ? single[4] : null, groups, 1e-5, true);
            (got * weights.To(DType.Float32)).Sum().Backward();

            AssertClose(want, got, 1e-5);
            foreach (var (a, b) in exact.Zip(single).Take(modulated ? 5 : 3))
            {
                AssertClose(a.Grad!, b.Grad!, 2e-5);
            }
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void GroupNormSilu_in_bfloat16_is_as_close_as_bfloat16_allows(int n, int c, int groups, int height, int width)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(2);
        var x = Aten.Randn([n, c, height, width]).To(DType.BFloat16);
        var (weight, bias) = (Aten.Randn([c]), Aten.Randn([c]));

        var want = Exact(x.To(DType.Float64), weight.To(DType.Float64), bias.To(DType.Float64), null, null, groups, silu: true);
        var got = Dispatcher.Call("diffract::group_norm_silu", x, weight, bias, null as Tensor, null as Tensor, groups, 1e-5, true);

        Assert.Equal(DType.BFloat16, got.DType);
        AssertClose(want, got, 1.0 / 256);                                                 // one rounding to 8 bits
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Gradients_of_GroupNormSilu_in_bfloat16_are_as_close_as_bfloat16_allows(int n, int c, int groups, int height, int width)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(4);
        Tensor[] leaves = [Aten.Randn([n, c, height, width]).To(DType.BFloat16), Aten.Randn([c]), Aten.Randn([c])];
        Tensor[] exact = [.. leaves.Select(t => t.To(DType.Float64))];
        var gradient = Aten.Randn([n, c, height, width]).To(DType.BFloat16);
        foreach (var leaf in leaves.Concat(exact))
        {
            leaf.RequiresGrad = true;
        }

        (Exact(exact[0], exact[1], exact[2], null, null, groups, silu: true) * gradient.To(DType.Float64)).Sum().Backward();
        (Dispatcher.Call("diffract::group_norm_silu", leaves[0], leaves[1], leaves[2], null as Tensor, null as Tensor, groups, 1e-5, true) * gradient).Sum().Backward();

        foreach (var (a, b) in exact.Zip(leaves))
        {
            AssertClose(a.Grad!, b.Grad!, 1.0 / 256);
        }
    }

    [Fact]
    public void GroupNormSilu_in_bfloat16_holds_where_the_exponential_ends()
    {
        using var scope = new TensorScope();
        var z = Tensor.From([-10000f, -1000f, -100f, -88f, -20f, -1f, -1e-3f, 0f, 1e-3f, 1f, 20f, 88f, 100f, 1000f, 10000f, 0.5f], 16);

        var got = Dispatcher.Call("diffract::group_norm_silu", Aten.Randn([1, 16, 2, 2]).To(DType.BFloat16), Aten.Zeros([16]), z, null as Tensor, null as Tensor, 4, 1e-5, true);

        var want = z.To(DType.Float64).Silu().Reshape(1, 16, 1, 1).Expand(1, 16, 2, 2).ToArray<double>();
        Assert.Equal(want, got.ToArray<double>(), (a, b) => Math.Abs(a - b) <= Math.Abs(a) / 256 + 1e-30); // each to one rounding, and what is next to nothing to nothing
    }

    [Fact]
    public void GroupNormSilu_does_not_depend_on_the_number_of_threads()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(3);
        var (x, weight, bias) = (Aten.Randn([2, 64, 40, 40]), Aten.Randn([64]), Aten.Randn([64]));
        var threads = Torch.Torch.Threads;
        float[] Run() => Dispatcher.Call("diffract::group_norm_silu", x, weight, bias, null as Tensor, null as Tensor, 32, 1e-5, true).ToArray<float>();
        try
        {
            Torch.Torch.Threads = 1;
            var one = Run();
            Torch.Torch.Threads = 2;
            Assert.Equal(one, Run());
        }
        finally
        {
            Torch.Torch.Threads = threads;
        }
    }

    [Fact]
    public void GroupNormSilu_refuses_what_does_not_fit_with_one_error()
    {
        using var scope = new TensorScope();
        var error = Assert.Throws<TorchException>(() => Dispatcher.Call("diffract::group_norm_silu", Aten.Ones([1, 10, 2, 2]), Aten.Ones([10]), Aten.Ones([10]), null as Tensor, null as Tensor, 3, 1e-5, true));
        Assert.Contains("10 channels in 3 groups", error.Message);
        Assert.Contains("(1, 10, 2, 2) Float32", error.Message);
    }

    static void AssertClose(Tensor want, Tensor got, double tolerance)
    {
        var (a, b) = (want.ToArray<double>(), got.ToArray<double>());
        var size = Math.Max(1, a.Max(Math.Abs));
        for (var i = 0; i < a.Length; i++)
        {
            Assert.True(Math.Abs(a[i] - b[i]) <= tolerance * size, $"element {i}: {b[i]}, wanted {a[i]}, largest {size}");
        }
    }
}
