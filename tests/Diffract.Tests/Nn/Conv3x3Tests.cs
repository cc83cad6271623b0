using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class Conv3x3Tests
{
    static readonly (int N, int InChannels, int Height, int Width, int OutChannels)[] Shapes =
        [(2, 16, 5, 7, 32), (1, 48, 1, 1, 16), (3, 32, 9, 4, 80), (2, 64, 8, 8, 64), (1, 272, 6, 3, 112), (5, 16, 33, 17, 16), (2, 160, 16, 16, 320)];

    public static IEnumerable<object[]> Sizes => Shapes.Select(s => new object[] { s.N, s.InChannels, s.Height, s.Width, s.OutChannels });

    readonly record struct Case(Tensor X, Tensor Weight, Tensor Bias, Tensor Gradient)
    {
        public static Case Random(int n, int inChannels, int height, int width, int outChannels)
        {
            Torch.Torch.ManualSeed(1);
            return new(Aten.Randn([n, inChannels, height, width]).Silu(), Aten.Randn([outChannels, inChannels, 3, 3]) * (1 / Math.Sqrt(9.0 * inChannels)),
                Aten.Randn([outChannels]), Aten.Randn([n, outChannels, height, width]));
        }

        public Case As(DType maps, DType weights) => new(X.To(maps), Weight.To(weights), Bias.To(weights), Gradient.To(maps));

        // The result and the gradients of x, weight and bias.
        public Tensor[] Run(Func<Case, Tensor> convolution)
        {
            foreach (var leaf in (Tensor[])[X, Weight, Bias])
            {
                leaf.RequiresGrad = true;
            }
            var y = convolution(this);
            (y * Gradient).Sum().Backward();
            return [y.Detach(), X.Grad!, Weight.Grad!, Bias.Grad!];
        }
    }

    static Tensor Ours(Case c) => Dispatcher.Call("diffract::conv3x3", c.X, c.Weight, c.Bias, null as Tensor, null as Tensor);

    static Tensor Exact(Case c) => Aten.Conv2d(c.X, c.Weight, c.Bias, 1, 1);

    // The norm of the difference over the norm.
    static double Error(Tensor want, Tensor got)
    {
        var difference = got.To(DType.Float64) - want;
        return Math.Sqrt((difference * difference).Sum().Item() / (want * want).Sum().Item());
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Conv3x3_and_its_gradients_match_float64(int n, int inChannels, int height, int width, int outChannels)
    {
        using var scope = new TensorScope();
        var c = Case.Random(n, inChannels, height, width, outChannels);

        var want = c.As(DType.Float64, DType.Float64).Run(Exact);
        var got = c.Run(Ours);

        foreach (var (a, b) in want.Zip(got))
        {
            Assert.Equal(a.Shape, b.Shape);
            Assert.InRange(Error(a, b), 0, 2e-6);                                          // about 1e-6 is lost in the transforms
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Conv3x3_on_bfloat16_maps_and_its_gradients_round_little(int n, int inChannels, int height, int width, int outChannels)
    {
        using var scope = new TensorScope();
        var rounded = Case.Random(n, inChannels, height, width, outChannels).As(DType.BFloat16, DType.Float32);

        var want = rounded.As(DType.Float64, DType.Float64).Run(Exact);
        var got = rounded.Run(Ours);

        Assert.Equal([DType.BFloat16, DType.BFloat16, DType.Float32, DType.Float32], got.Select(t => t.DType));
        // Where factors are rounded the transforms magnify that, most in maps of noise, as this gradient is.
        var allowed = Kernels.FactorsOfBFloat16 == DType.Float32 ? (double[])[1.0 / 512, 1.0 / 512, 1.0 / 512, 1.0 / 512] : [4.0 / 512, 8.0 / 512, 8.0 / 512, 1.0 / 512];
        foreach (var ((a, b), most) in want.Zip(got).Zip(allowed))
        {
            Assert.InRange(Error(a, b), 0, most);
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Conv3x3_gives_the_same_on_AVX2(int n, int inChannels, int height, int width, int outChannels)
    {
        using var scope = new TensorScope();
        var c = Case.Random(n, inChannels, height, width, outChannels);

        var narrow = Dispatcher.Call("diffract::conv3x3_weights", c.Weight, false, 16);

        Assert.Equal(Ours(c).ToArray<float>(), Dispatcher.Call("diffract::conv3x3", c.X, c.Weight, c.Bias, narrow, null as Tensor).ToArray<float>());
    }

    [Fact]
    public void Conv3x3_does_not_depend_on_threads_or_on_the_pictures_beside()
    {
        using var scope = new TensorScope();
        var threads = Torch.Torch.Threads;
        foreach (var channels in (int[])[64, 160])                                         // weights that each thread reads for itself, and that all share
        {
            var c = Case.Random(7, channels, 20, 12, channels);
            try
            {
                Torch.Torch.Threads = 1;
                var one = c.Run(Ours).Select(t => t.ToArray<float>()).ToArray();
                c.X.ClearGrad();
                c.Weight.ClearGrad();
                c.Bias.ClearGrad();
                Torch.Torch.Threads = 2;
                Assert.Equal(one, c.Run(Ours).Select(t => t.ToArray<float>()));
            }
            finally
            {
                Torch.Torch.Threads = threads;
            }
            var alone = Ours(c with { X = c.X.Detach().Narrow(0, 3, 1), Weight = c.Weight.Detach(), Bias = c.Bias.Detach() });
            Assert.Equal(Ours(c).Narrow(0, 3, 1).ToArray<float>(), alone.ToArray<float>());
        }
    }

    [Fact]
    public void Conv3x3_of_no_pictures_has_gradients_of_zero()
    {
        using var scope = new TensorScope();
        var results = Case.Random(0, 16, 4, 4, 32).Run(Ours);

        Assert.Equal([0, 32, 4, 4], results[0].Shape);
        Assert.All(results[2].ToArray<float>().Concat(results[3].ToArray<float>()), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Recomputation_and_training_keep_nothing_packed()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var layer = new Conv2d(store.Root, 16, 16, 3);
        store.RequireGrad(true);
        var x = Aten.Randn([1, 16, 4, 4]);
        x.RequiresGrad = true;

        var recomputed = Recomputation.Run(inputs => layer.Forward(inputs[0]), x);
        recomputed.Sum().Backward();

        Assert.Equal(layer.Forward(x).ToArray<float>(), recomputed.ToArray<float>());
        Assert.Equal(0, store.PackedBytes);
    }

    [Fact]
    public void Conv3x3_names_what_does_not_fit()
    {
        using var scope = new TensorScope();
        var c = Case.Random(1, 32, 4, 4, 16);

        var channels = Assert.Throws<TorchException>(() => Dispatcher.Call("diffract::conv3x3", c.X.Narrow(1, 0, 16), c.Weight, c.Bias, null as Tensor, null as Tensor));
        Assert.Contains("(1, 16, 4, 4)", channels.Message);
        var other = Dispatcher.Call("diffract::conv3x3_weights", c.Weight, true);
        Assert.Throws<TorchException>(() => Dispatcher.Call("diffract::conv3x3", c.X, c.Weight, c.Bias, other, null as Tensor));
    }

    [Fact]
    public void A_layer_packs_its_weights_again_when_they_have_changed()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        using var off = GradMode.Off();
        var layer = new Conv2d(store.Root, 32, 16, 3);
        var x = Aten.Randn([1, 32, 8, 8]);
        var before = layer.Forward(x).ToArray<float>();

        store.Parameters["weight"].Copy_(store.Parameters["weight"] * 2.0);
        store.Parameters["bias"].Copy_(store.Parameters["bias"] * 2.0);

        Assert.Equal(before.Select(v => 2 * v), layer.Forward(x).ToArray<float>(), (a, b) => Math.Abs(a - b) <= 1e-5 * (1 + Math.Abs(a)));
    }

    // Those whose products this processor has.
    public static TheoryData<DType> Reduced => [.. ((DType[])[DType.BFloat16, DType.Float16]).Where(Has).DefaultIfEmpty(DType.Float32)];

    static bool Has(DType factors)
    {
        using var scope = new TensorScope();
        try
        {
            Dispatcher.Call("diffract::conv3x3_weights", Aten.Zeros([16, 16, 3, 3]), false, 0, factors);
            return true;
        }
        catch (TorchException e) when (e.Message.Contains("no products of"))
        {
            return false;
        }
    }

    static Tensor Packed(Case c, Tensor packed) => Dispatcher.Call("diffract::conv3x3", c.X, c.Weight, c.Bias, packed, null as Tensor);

    [Theory, MemberData(nameof(Reduced))]
    public void Weights_packed_in_sixteen_bits_cost_few_roundings_more(DType factors)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        foreach (var (n, inChannels, height, width, outChannels) in Shapes)
        {
            var c = Case.Random(n, inChannels, height, width, outChannels).As(DType.BFloat16, DType.BFloat16);
            var packed = Dispatcher.Call("diffract::conv3x3_weights", c.Weight, false, 0, factors);

            var got = Packed(c, packed);

            Assert.Equal((factors, DType.BFloat16), (packed.DType, got.DType));
            Assert.InRange(Error(Exact(c.As(DType.Float64, DType.Float64)), got), 0, 4.0 / 512);   // transformed values are rounded, and the transforms magnify that
            Assert.Equal(got.Narrow(0, n - 1, 1).ToArray<float>(), Packed(c with { X = c.X.Narrow(0, n - 1, 1) }, packed).ToArray<float>());
        }
    }

    [Theory, MemberData(nameof(Reduced))]
    public void Weights_packed_in_sixteen_bits_are_refused_for_float32_maps(DType factors)
    {
        using var scope = new TensorScope();
        var c = Case.Random(1, 32, 4, 4, 16);
        var packed = Dispatcher.Call("diffract::conv3x3_weights", c.Weight, false, 0, factors);

        if (factors == DType.Float32) { Assert.Equal(Ours(c).ToArray<float>(), Packed(c, packed).ToArray<float>()); return; } // a processor without
        Assert.Contains("bfloat16 maps", Assert.Throws<TorchException>(() => Packed(c, packed)).Message);
    }

    [Theory, InlineData(1e-30, 1.0), InlineData(1e-6, 1.0), InlineData(1.0, 1.0), InlineData(3000.0, 1.0), InlineData(1e36, 1.0)] // float16 holds none but the third as it is
    [InlineData(1.0, 1e-6), InlineData(1.0, 1e-3), InlineData(1.0, 1e3), InlineData(1.0, 1e9)]
    public void Conv3x3_on_bfloat16_maps_holds_at_every_scale(double maps, double weights)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var c = Case.Random(2, 64, 9, 8, 32);
        foreach (var type in (DType[])[DType.Float32, DType.BFloat16])
        {
            var scaled = (c with { X = c.X * maps, Weight = c.Weight * weights, Bias = Aten.Zeros([32]) }).As(DType.BFloat16, type);

            Assert.InRange(Error(Exact(scaled.As(DType.Float64, DType.Float64)), Ours(scaled)), 0, 8.0 / 512);
        }
    }

    [Fact]
    public void Large_values_beside_one_that_is_no_number_are_as_good_as_without_it()
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var c = Case.Random(1, 64, 9, 8, 32);
        c = (c with { X = c.X * 1e6 }).As(DType.BFloat16, DType.Float32);
        var clean = Ours(c).Narrow(2, 0, 3).Narrow(3, 0, 3).ToArray<float>();
        c.X.Narrow(2, 4, 1).Narrow(3, 4, 1).Mul_(double.NaN);                              // the last row and column of the first tile's inputs, which only its last outputs read

        Assert.Equal(clean, Ours(c).Narrow(2, 0, 3).Narrow(3, 0, 3).ToArray<float>(), (a, b) => Math.Abs(a - b) <= 0.02 * Math.Abs(a) + 2e4);
    }

    [Theory, InlineData(1e-15), InlineData(1e-6), InlineData(1.0), InlineData(1e6)]
    public void Gradients_of_conv3x3_on_bfloat16_maps_hold_at_every_scale(double scale)
    {
        using var scope = new TensorScope();
        var c = Case.Random(3, 64, 17, 9, 32);
        c = (c with { Gradient = c.Gradient * scale }).As(DType.BFloat16, DType.Float32);

        var want = c.As(DType.Float64, DType.Float64).Run(Exact);

        Assert.All(want.Zip(c.Run(Ours)).Skip(1), pair => Assert.InRange(Error(pair.First, pair.Second), 0, 8.0 / 512));
    }

    [Fact]
    public void Weight_gradients_of_a_weak_channel_are_as_good_as_those_of_others()
    {
        using var scope = new TensorScope();
        var c = Case.Random(3, 64, 17, 9, 32);
        c.Gradient.Narrow(1, 5, 1).Mul_(1e-5);
        c.X.Narrow(1, 7, 1).Mul_(1e-5);
        c = c.As(DType.BFloat16, DType.Float32);

        var (want, got) = (c.As(DType.Float64, DType.Float64).Run(Exact)[2], c.Run(Ours)[2]);

        Assert.InRange(Error(want.Narrow(0, 5, 1), got.Narrow(0, 5, 1)), 0, 10.0 / 512);
        Assert.InRange(Error(want.Narrow(1, 7, 1), got.Narrow(1, 7, 1)), 0, 10.0 / 512);
    }

    [Theory, InlineData(1.9), InlineData(3.9)]                                             // signs that add up in every product of the transformed values
    public void Conv3x3_on_bfloat16_maps_does_not_overflow(double weight)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var sign = Tensor.From([.. Enumerable.Range(0, 8 * 8).Select(i => (i / 8 / 2 + i % 8 / 2) % 2 == 0 ? 1.984f : -1.984f)], 1, 1, 8, 8);
        var c = new Case(sign.Expand(1, 256, 8, 8).Clone(), Aten.Ones([16, 256, 3, 3]) * weight, Aten.Zeros([16]), Aten.Zeros([1])).As(DType.BFloat16, DType.Float32);

        Assert.All(Ours(c).ToArray<float>(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Panels_of_sixteen_bits_have_one_width()
    {
        using var scope = new TensorScope();
        foreach (var factors in new[] { DType.BFloat16, DType.Float16 }.Where(Has))
        {
            Assert.Contains("columns", Assert.Throws<TorchException>(() => { Dispatcher.Call("diffract::conv3x3_weights", Aten.Zeros([16, 16, 3, 3]), false, 16, factors); }).Message);
        }
    }

    [Fact]
    public void What_is_not_a_number_stays_in_its_place()
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var c = Case.Random(2, 64, 9, 8, 32).As(DType.BFloat16, DType.Float32);
        var clean = Ours(c).Narrow(0, 1, 1).ToArray<float>();
        c.X.Narrow(0, 0, 1).Mul_(double.NaN);

        var got = Ours(c);

        Assert.All(got.Narrow(0, 0, 1).ToArray<float>(), value => Assert.True(float.IsNaN(value)));
        Assert.Equal(clean, got.Narrow(0, 1, 1).ToArray<float>());
    }
}
