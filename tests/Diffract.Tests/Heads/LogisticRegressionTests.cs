using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class LogisticRegressionTests
{
    static LinearConfig Config(bool batchNorm, int classes = 3) => new() { Ts = [0], Blocks = [new(1, 6, 2, 2)], Classes = classes, Pool = 2, BatchNorm = batchNorm };

    // Columns of very unequal sizes and one that is constant; labels that depend on the weak columns.
    static (Tensor X, Tensor Labels) Data(int n = 300)
    {
        Torch.Torch.ManualSeed(3);
        var x = Aten.Randn([n, 24]) * ((Aten.Arange(24) - 12.0) * 0.25).Exp() + 5.0;
        x.Select(1, 7).Fill_(2);
        return (x, (x.Narrow(1, 0, 3) - 5.0).MatMul(Aten.Randn([3, 3])).ArgMax(1));
    }

    static Dictionary<string, Tensor> Fit(LinearConfig config, double penalty, params double[] before)
    {
        var (x, labels) = Data();
        using var regression = new LogisticRegression(config, x, labels);
        foreach (var first in before)
        {
            regression.Fit(first);
        }
        return regression.Fit(penalty).ToDictionary(pair => pair.Key, pair => pair.Value);
    }

    [Fact]
    public void LogisticRegression_ends_where_the_gradient_is_zero()
    {
        using var scope = new TensorScope();
        var tensors = Fit(Config(batchNorm: true), 0.01);
        var (x, labels) = Data();

        var standardised = ((x.To(DType.Float64) - tensors["norm.running_mean"]) / (tensors["norm.running_var"] + 1e-5).Sqrt()).Detach();
        var (weight, bias) = (tensors["fcs.0.weight"].To(DType.Float64), tensors["fcs.0.bias"].To(DType.Float64));
        weight.RequiresGrad = bias.RequiresGrad = true;
        (Aten.CrossEntropy(Aten.Linear(standardised, weight, bias), labels) + 0.005 * weight.Square().Sum()).Backward();

        Assert.All(weight.Grad!.ToArray<double>().Concat(bias.Grad!.ToArray<double>()), g => Assert.Equal(0, g, 1e-4)); // weights were rounded to float32
        Assert.True(weight.Abs().Max().Item() > 0.1);
    }

    [Fact]
    public void LogisticRegression_does_not_depend_on_where_it_starts()
    {
        using var scope = new TensorScope();
        var (cold, warm) = (Fit(Config(batchNorm: true), 0.003), Fit(Config(batchNorm: true), 0.003, 1, 0.1));

        AssertClose(cold["fcs.0.weight"], warm["fcs.0.weight"]);
        AssertClose(cold["fcs.0.bias"], warm["fcs.0.bias"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LogisticRegression_gives_a_linear_head_with_batch_norm_or_without(bool batchNorm)
    {
        using var scope = new TensorScope();
        var config = Config(batchNorm);
        var tensors = Fit(config, 0.01);
        using var store = ParameterStore.New();
        var head = (LinearHead)config.Build(store.Root);
        using var off = GradMode.Off();
        Assert.Equal(store.All.Select(pair => pair.Key).Order(), tensors.Keys.Order());
        foreach (var (name, tensor) in store.All)
        {
            tensor.Copy_(tensors[name]);
        }

        var (x, labels) = Data();
        var right = head.Forward(x, training: false).ArgMax(1).Equal(labels).To(DType.Float32).Mean().Item();

        Assert.InRange(right, 0.97, 1);                                                    // the labels are linear in the smallest columns
    }

    [Fact]
    public void LogisticRegression_refuses_values_that_are_not_finite()
    {
        using var scope = new TensorScope();
        var (x, labels) = Data();
        x.Select(0, 5).Fill_(double.NaN);

        Assert.Contains("not finite", Assert.Throws<ArgumentException>(() => new LogisticRegression(Config(batchNorm: true), x, labels)).Message);
    }

    // Both end within the gradient's tolerance, 1e-5, of the one optimum, where the curvature is at least the penalty, 0.003.
    static void AssertClose(Tensor wanted, Tensor actual) => Assert.InRange((wanted - actual).Abs().Max().Item(), 0, 3e-3);
}
