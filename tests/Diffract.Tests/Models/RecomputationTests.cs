using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Models;

public class RecomputationTests
{
    [Fact]
    public void Gradients_with_recomputation_are_those_without()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        tiny.Store.RequireGrad(true);
        Torch.Torch.ManualSeed(3);
        var (x, t) = (Aten.Randn([2, 3, 16, 16]), Tensor.From([7f, 900f]));
        float[][] Gradients(bool recompute)
        {
            tiny.Net.Recompute = recompute;
            tiny.Net.Forward(x, t).Square().Mean().Backward();
            float[][] found = [.. tiny.Store.Parameters.Values.Select(parameter => parameter.Grad!.ToArray<float>())];
            foreach (var parameter in tiny.Store.Parameters.Values)
            {
                parameter.ClearGrad();
            }
            return found;
        }

        var (plain, recomputed) = (Gradients(false), Gradients(true));

        var largest = plain.Max(gradient => gradient.Max(Math.Abs));
        Assert.All(plain.Zip(recomputed), pair => Assert.Equal(pair.First, pair.Second, (a, b) => Math.Abs(a - b) <= 1e-6 * largest)); // a sum's order may differ
    }

    [Fact]
    public void What_goes_wrong_in_the_backward_pass_is_said()
    {
        using var scope = new TensorScope();
        var calls = 0;
        var x = Aten.Ones([2]);
        x.RequiresGrad = true;
        var y = Recomputation.Run(inputs => calls++ == 0 ? inputs[0] * 2 : throw new InvalidOperationException("no second time"), x);

        var error = Assert.Throws<TorchException>(() => y.Sum().Backward());

        Assert.Contains("no second time", error.Message);
    }

    [Fact]
    public void Nothing_is_recomputed_where_no_gradient_is_wanted()
    {
        using var scope = new TensorScope();
        var calls = 0;
        var x = Aten.Ones([2]);
        Tensor Twice(Tensor[] inputs)
        {
            calls++;
            return inputs[0] * 2;
        }

        Assert.False(Recomputation.Run(Twice, x).RequiresGrad);
        x.RequiresGrad = true;
        var y = Recomputation.Run(Twice, x, Aten.Ones([1]));
        y.Sum().Backward();

        Assert.Equal(3, calls);
        Assert.Equal([2f, 2f], x.Grad!.ToArray<float>());
    }
}
