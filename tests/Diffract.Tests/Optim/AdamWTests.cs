using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Tests.Optim;

public class AdamWTests
{
    // The definition, in float64.
    static double[] Exact(double[] p, double[][] gradients, double rate, double decay)
    {
        var (m, v) = (new double[p.Length], new double[p.Length]);
        foreach (var (step, g) in gradients.Index())
        {
            for (var i = 0; i < p.Length; i++)
            {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                var (mean, square) = (m[i] / (1 - Math.Pow(0.9, step + 1)), v[i] / (1 - Math.Pow(0.999, step + 1)));
                p[i] = p[i] * (1 - rate * decay) - rate * mean / (Math.Sqrt(square) + 1e-8);
            }
        }
        return p;
    }

    [Theory]
    [InlineData(DType.Float32, 7, 0.0)]
    [InlineData(DType.Float32, 100_001, 0.3)]
    [InlineData(DType.Float64, 33, 0.3)]                                                   // ATen's operators: the kernel has float32 alone
    public void AdamW_follows_its_definition(DType type, int count, double decay)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(1);
        var p = Aten.Randn([count], type);
        p.RequiresGrad = true;
        Tensor[] gradients = [.. Enumerable.Range(0, 5).Select(_ => Aten.Randn([count], type))];
        static double[] Values(Tensor t) => t.Detach().To(DType.Float64).ToArray<double>();
        var want = Exact(Values(p), [.. gradients.Select(Values)], 1e-2, decay);

        using var optimizer = new AdamW([new([p], WeightDecay: decay)]) { LearningRate = 1e-2 };
        foreach (var (step, gradient) in gradients.Index())
        {
            (p * gradient).Sum().Backward();
            optimizer.Step(step);
        }

        Assert.All(want.Zip(Values(p)), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 2e-6 * (1 + Math.Abs(pair.First))));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Stacked_models_move_as_each_would_alone(DType type)
    {
        using var scope = new TensorScope();
        double[] scales = [1, 0.3, 2], decays = [0, 0.3, 3];
        Tensor Leaf(Tensor values) { var leaf = values.Clone(); leaf.RequiresGrad = true; return leaf; }
        var (start, gradient) = (Aten.Randn([3, 400, 100], type), Aten.Randn([3, 400, 100], type));
        var stack = Leaf(start);
        Tensor[] each = [.. Enumerable.Range(0, 3).Select(k => Leaf(start.Select(0, k)))];
        using var together = new AdamW([new([stack]) { Scales = scales, WeightDecays = decays }]) { LearningRate = 1e-2 };
        using var alone = new AdamW([.. each.Index().Select(one => new ParameterGroup([one.Item], scales[one.Index], decays[one.Index]))]) { LearningRate = 1e-2 };

        for (var step = 0; step < 3; step++)
        {
            (stack * gradient).Sum().Backward();
            foreach (var (k, parameter) in each.Index()) { (parameter * gradient.Select(0, k)).Sum().Backward(); }
            together.Step(step);
            alone.Step(step);
        }

        Assert.All(each.Index(), one => Assert.Equal(one.Item.Detach().To(DType.Float64).ToArray<double>(), stack.Detach().Select(0, one.Index).To(DType.Float64).ToArray<double>()));
    }

    [Fact]
    public void A_layer_sees_the_weights_that_a_step_has_moved()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var layer = new Conv2d(store.Root, 16, 16, 3);
        store.RequireGrad(true);
        using var optimizer = new AdamW([new([.. store.Parameters.Values])]) { LearningRate = 0.1 };
        var x = Aten.Randn([1, 16, 4, 4]);
        float[] Now()
        {
            using var off = GradMode.Off();
            store.RequireGrad(false);                                                      // as in use: then the layer keeps what it has made of its weights
            var y = layer.Forward(x).ToArray<float>();
            store.RequireGrad(true);
            return y;
        }

        var before = Now();
        layer.Forward(x).Square().Sum().Backward();
        optimizer.Step(0);

        Assert.NotEqual(before, Now());
        Assert.Equal(Aten.Conv2d(x, store.Parameters["weight"].Detach(), store.Parameters["bias"].Detach(), 1, 1).ToArray<float>(), Now(), (a, b) => Math.Abs(a - b) < 1e-5);
    }
}
