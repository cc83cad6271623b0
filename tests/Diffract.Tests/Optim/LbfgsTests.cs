using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Tests.Optim;

public class LbfgsTests
{
    // (1 - a)^2 + 100 (b - a^2)^2: a curved valley whose floor is at (1, 1).
    static (double, Tensor) Rosenbrock(Tensor at)
    {
        var v = at.ToArray<double>();
        var (a, b) = (v[0], v[1]);
        return ((1 - a) * (1 - a) + 100 * (b - a * a) * (b - a * a), Tensor.From([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]));
    }

    [Fact]
    public void Lbfgs_finds_the_floor_of_a_curved_valley()
    {
        using var scope = new TensorScope();
        var x = Tensor.From([-1.2, 1.0]);
        var values = new List<double>();

        var result = new Lbfgs { ValueTolerance = 0, GradientTolerance = 1e-8 }.Minimise(x, Rosenbrock, (_, value) => values.Add(value));

        Assert.True(result.Converged);
        Assert.All(x.ToArray<double>(), v => Assert.Equal(1, v, 1e-6));
        Assert.Equal(values.OrderDescending(), values);                                    // it never rises
        Assert.InRange(result.Evaluations, result.Iterations + 1, 100);
    }

    [Fact]
    public void Lbfgs_says_that_its_iterations_were_used_up()
    {
        using var scope = new TensorScope();
        var x = Tensor.From([-1.2, 1.0]);

        var result = new Lbfgs { MostIterations = 3 }.Minimise(x, Rosenbrock);

        Assert.False(result.Converged);
        Assert.Equal(3, result.Iterations);
        Assert.True(result.Value < Rosenbrock(Tensor.From([-1.2, 1.0])).Item1);
    }

    [Fact]
    public void Lbfgs_refuses_a_start_where_the_function_is_not_finite_and_stops_when_told()
    {
        using var scope = new TensorScope();
        Assert.Throws<ArithmeticException>(() => new Lbfgs().Minimise(Tensor.From([double.NaN, 0]), Rosenbrock));
        Assert.Throws<OperationCanceledException>(() => new Lbfgs().Minimise(Tensor.From([0.0, 0]), Rosenbrock, cancellation: new CancellationToken(canceled: true)));
    }
}
