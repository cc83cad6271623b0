using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class LinearTests
{
    // Rows, inputs, outputs: rows that are no multiple of a tile or a block, panels that are not full, depths beyond a block of products.
    public static TheoryData<int, int, int> Sizes => new() { { 1, 16, 16 }, { 7, 48, 80 }, { 97, 32, 64 }, { 200, 272, 112 }, { 131, 528, 208 }, { 500, 64, 192 } };

    readonly record struct Case(Tensor X, Tensor Weight, Tensor Bias, Tensor Gradient)
    {
        public static Case Random(int rows, int inputs, int outputs)
        {
            Torch.Torch.ManualSeed(1);
            return new(Aten.Randn([rows, inputs]), Aten.Randn([outputs, inputs]) * (1 / Math.Sqrt(inputs)), Aten.Randn([outputs]), Aten.Randn([rows, outputs]));
        }

        public Case As(DType type) => new(X.To(type), Weight.To(type), Bias.To(type), Gradient.To(type));

        // The result and the gradients of x, weight and bias.
        public Tensor[] Run(Func<Case, Tensor> linear)
        {
            foreach (var leaf in (Tensor[])[X, Weight, Bias])
            {
                leaf.RequiresGrad = true;
            }
            var y = linear(this);
            (y * Gradient).Sum().Backward();
            return [y.Detach(), X.Grad!, Weight.Grad!, Bias.Grad!];
        }
    }

    static Tensor Ours(Case c) => Dispatcher.Call("diffract::linear", c.X, c.Weight, c.Bias, null as Tensor, null as Tensor);

    static Tensor OursPacked(Case c) =>
        Dispatcher.Call("diffract::linear", c.X, c.Weight, c.Bias, Packed(c.Weight, Kernels.Factors(c.X)), Packed(c.Weight, Kernels.Factors(c.X), transposed: true));

    static Tensor Packed(Tensor weight, DType factors, bool transposed = false) => Dispatcher.Call("diffract::linear_weights", weight.Detach(), transposed, factors);

    static Tensor Exact(Case c) => Aten.Linear(c.X, c.Weight, c.Bias);

    // The norm of the difference over the norm.
    static double Error(Tensor want, Tensor got)
    {
        var difference = got.To(DType.Float64) - want;
        return Math.Sqrt((difference * difference).Sum().Item() / (want * want).Sum().Item());
    }

    static bool Serves => Dispatcher.CallNumber("diffract::linear_serves", 16, 16) != 0;

    [Theory, MemberData(nameof(Sizes))]
    public void Linear_and_its_gradients_match_float64(int rows, int inputs, int outputs)
    {
        using var scope = new TensorScope();
        foreach (var (type, error) in Serves ? new[] { (DType.Float32, 5e-7), (DType.BFloat16, 1.0 / 256) } : [])
        {
            var c = Case.Random(rows, inputs, outputs).As(type);

            var want = c.As(DType.Float64).Run(Exact);
            foreach (var run in (Func<Case, Tensor>[])[Ours, OursPacked])
            {
                foreach (var (a, b) in want.Zip(c.Run(run)))
                {
                    Assert.Equal(a.Shape, b.Shape);
                    Assert.Equal(type, b.DType);
                    Assert.InRange(Error(a, b), 0, error);
                }
                foreach (var leaf in (Tensor[])[c.X, c.Weight, c.Bias])
                {
                    leaf.ClearGrad();
                }
            }
        }
    }

    [Fact]
    public void Linear_does_not_depend_on_threads_or_on_the_rows_beside()
    {
        using var scope = new TensorScope();
        var threads = Torch.Torch.Threads;
        foreach (var type in Serves ? (DType[])[DType.Float32, DType.BFloat16] : [])
        {
            var c = Case.Random(1000, 320, 208).As(type);
            float[][] Values() => [.. c.Run(Ours).Select(t => t.To(DType.Float32).ToArray<float>())];
            try
            {
                Torch.Torch.Threads = 1;
                var one = Values();
                foreach (var leaf in (Tensor[])[c.X, c.Weight, c.Bias])
                {
                    leaf.ClearGrad();
                }
                Torch.Torch.Threads = 2;
                Assert.Equal(one, Values());
            }
            finally
            {
                Torch.Torch.Threads = threads;
            }
            var alone = Ours(c with { X = c.X.Detach().Narrow(0, 500, 3) });
            Assert.Equal(Ours(c).Narrow(0, 500, 3).To(DType.Float32).ToArray<float>(), alone.To(DType.Float32).ToArray<float>());
        }
    }

    [Fact]
    public void Layers_keep_the_panels_of_frozen_weights_only()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var layer = new Linear(store.Root, 32, 80);
        var x = Aten.Randn([200, 32]);
        var trained = Recorded(true);
        Assert.Equal(0, store.PackedBytes);

        var frozen = Recorded(false);

        Assert.Equal(trained.Y, frozen.Y);
        Assert.Equal(trained.Dx, frozen.Dx);
        Assert.Equal(Serves ? 4 * (32 * 128 + 80 * 64) : 0, store.PackedBytes); // both ways, whole panels: of AVX-512 64 outputs wide

        (float[] Y, float[] Dx) Recorded(bool weights)
        {
            store.RequireGrad(weights);
            var leaf = x.Detach();
            leaf.RequiresGrad = true;
            var y = layer.Forward(leaf);
            (y * y).Sum().Backward();
            return (y.ToArray<float>(), leaf.Grad!.ToArray<float>());
        }
    }

    [Theory, InlineData(1e-30, 1.0), InlineData(1e30, 1.0), InlineData(1.0, 1e-6), InlineData(1.0, 1e6)] // beyond what float16 holds
    public void Linear_on_bfloat16_holds_at_every_scale(double values, double weights)
    {
        if (!Serves) { return; }                                                          // a processor that leaves linear layers to ATen
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var c = Case.Random(131, 528, 208);
        c = new Case(c.X * values, c.Weight * weights, Aten.Zeros([208]), c.Gradient).As(DType.BFloat16);

        Assert.InRange(Error(Exact(c.As(DType.Float64)), Ours(c)), 0, 1.0 / 256);
        Assert.InRange(Error(Exact(c.As(DType.Float64)), OursPacked(c)), 0, 1.0 / 256);
    }

    [Fact]
    public void Linear_of_no_rows_has_gradients_of_zero()
    {
        using var scope = new TensorScope();
        var results = Case.Random(0, 16, 32).Run(Ours);

        Assert.Equal([0, 32], results[0].Shape);
        Assert.All(results[2].ToArray<float>().Concat(results[3].ToArray<float>()), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Linear_names_what_does_not_fit()
    {
        using var scope = new TensorScope();
        var c = Case.Random(3, 32, 64);

        Assert.Contains("(3, 16)", Assert.Throws<TorchException>(() => Ours(c with { X = c.X.Narrow(1, 0, 16) })).Message);
        var other = Dispatcher.Call("diffract::linear_weights", c.Weight, true);
        Assert.Throws<TorchException>(() => Dispatcher.Call("diffract::linear", c.X, c.Weight, c.Bias, other, null as Tensor));
    }
}
