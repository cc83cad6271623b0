using Diffract.Torch;

namespace Diffract.Optim;

/// <summary>Where a minimisation ended.</summary>
/// <param name="Value">Of the function.</param> <param name="Iterations">Directions taken.</param> <param name="Evaluations">Of the function and its gradient.</param>
/// <param name="Converged">The gradient is as small as was asked for, or the function falls no further; false: the iterations were used up.</param>
public sealed record LbfgsResult(double Value, int Iterations, int Evaluations, bool Converged);

/// <summary>
/// Limited-memory BFGS for smooth functions of all the data at once. No learning rate: the step is 1 where that meets the weak Wolfe conditions, and is
/// else found by doubling and bisection.
/// </summary>
/// <remarks>Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5; line search of Lewis and Overton 2013.</remarks>
public sealed record Lbfgs
{
    const double SufficientDecrease = 1e-4, Curvature = 0.9;

    /// <summary>Pairs of steps and gradient differences that stand for the curvature.</summary>
    public int Memory { get; init; } = 10;

    public int MostIterations { get; init; } = 500;

    /// <summary>Ends where no component of the gradient is larger.</summary>
    public double GradientTolerance { get; init; } = 1e-5;

    /// <summary>Ends where a step lowers the function by less than this share.</summary>
    public double ValueTolerance { get; init; } = 1e-9;

    /// <summary>Moves x to a minimum, in place.</summary>
    /// <param name="x">(n), float64: the start.</param>
    /// <param name="function">From a point to its value and gradient (n), float64.</param>
    /// <param name="report">Called after each iteration with its number (from 1) and the value; may be null.</param>
    /// <exception cref="ArithmeticException">The function is not finite at the start.</exception>
    public LbfgsResult Minimise(Tensor x, Func<Tensor, (double Value, Tensor Gradient)> function, Action<int, double>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var pairs = new LinkedList<(Tensor Step, Tensor Change, double Inverse)>();
        var evaluations = 0;
        Point At(Tensor at)
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = new TensorScope();
            evaluations++;
            var (value, gradient) = function(at);
            return new(at, value, inner.Return(gradient));
        }
        var here = At(x.Clone());
        if (!double.IsFinite(here.Value))
        {
            throw new ArithmeticException($"the function is {here.Value} at the start: are there values in the data that are not finite?");
        }
        for (var iteration = 1; ; iteration++)
        {
            if (here.Gradient.Abs().Max().Item() <= GradientTolerance || iteration > MostIterations)
            {
                x.Copy_(here.X);
                return new(here.Value, iteration - 1, evaluations, iteration <= MostIterations);
            }
            using var inner = new TensorScope();
            var direction = Direction(here.Gradient, pairs);
            var slope = Dot(direction, here.Gradient);
            var there = Search(here, direction, slope, At);
            var falls = there is not null && here.Value - there.Value > ValueTolerance * Math.Abs(here.Value);
            if (there is not null)
            {
                Remember(pairs, inner.Return(there.X - here.X), inner.Return(there.Gradient - here.Gradient));
                here.X.Dispose();
                here.Gradient.Dispose();
                here = there with { X = inner.Return(there.X), Gradient = inner.Return(there.Gradient) };
                report?.Invoke(iteration, here.Value);
            }
            if (!falls)
            {
                x.Copy_(here.X);
                return new(here.Value, iteration, evaluations, true);
            }
        }
    }

    sealed record Point(Tensor X, double Value, Tensor Gradient);

    // A point that is lower by enough and where the slope has lost enough; null where rounding leaves none.
    static Point? Search(Point here, Tensor direction, double slope, Func<Tensor, Point> at)
    {
        var (low, high, step) = (0.0, double.PositiveInfinity, 1.0);
        Point? lower = null;
        for (var tries = 0; tries < 40; tries++)
        {
            var there = at(here.X + direction * step);
            if (!(there.Value <= here.Value + SufficientDecrease * step * slope))          // also where it is not a number
            {
                high = step;
            }
            else if (Dot(direction, there.Gradient) < Curvature * slope)
            {
                (low, lower) = (step, there);
            }
            else
            {
                return there;
            }
            step = double.IsInfinity(high) ? 2 * step : (low + high) / 2;
        }
        return lower;
    }

    // -H g, H from the remembered pairs.
    static Tensor Direction(Tensor gradient, LinkedList<(Tensor Step, Tensor Change, double Inverse)> pairs)
    {
        var q = gradient.Clone();
        var factors = new Stack<double>();
        for (var pair = pairs.Last; pair is not null; pair = pair.Previous)
        {
            var factor = pair.Value.Inverse * Dot(pair.Value.Step, q);
            factors.Push(factor);
            q.Add_(pair.Value.Change, -factor);
        }
        if (pairs.Last?.Value is { } last)
        {
            q.Mul_(1 / (last.Inverse * Dot(last.Change, last.Change)));
        }
        foreach (var (step, change, inverse) in pairs)
        {
            q.Add_(step, factors.Pop() - inverse * Dot(change, q));
        }
        return -q;
    }

    void Remember(LinkedList<(Tensor Step, Tensor Change, double Inverse)> pairs, Tensor step, Tensor change)
    {
        var product = Dot(step, change);
        if (product > 1e-12 * Dot(change, change))
        {
            pairs.AddLast((step, change, 1 / product));
        }
        if (pairs.Count > Memory)
        {
            pairs.First!.Value.Step.Dispose();
            pairs.First.Value.Change.Dispose();
            pairs.RemoveFirst();
        }
    }

    static double Dot(Tensor a, Tensor b)
    {
        using var scope = new TensorScope();
        return Dispatcher.Call("aten::dot", a, b).Item();
    }
}
