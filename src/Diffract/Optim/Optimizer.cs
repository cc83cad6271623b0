using Diffract.Torch;

namespace Diffract.Optim;

/// <summary>Parameters that share their settings.</summary>
/// <param name="Parameters">Leaves that require gradients.</param>
/// <param name="Scale">Times the optimiser's learning rate.</param>
/// <param name="WeightDecay">As each optimiser defines it; at least 0.</param>
public sealed record ParameterGroup(IReadOnlyList<Tensor> Parameters, double Scale = 1, double WeightDecay = 0)
{
    /// <summary>For parameters that stack K models: a further factor of the learning rate for each, (K, 1, ...), broadcast to the parameters; null for one model.</summary>
    public Tensor? Scales { get; init; }

    /// <summary>Likewise a weight decay for each, in place of <see cref="WeightDecay"/>.</summary>
    public Tensor? WeightDecays { get; init; }
}

/// <summary>Moves parameters against their gradients.</summary>
public abstract class Optimizer(IReadOnlyList<ParameterGroup> groups) : IDisposable
{
    protected IReadOnlyList<ParameterGroup> Groups { get; } = groups;

    /// <summary>Step size of the next <see cref="Step"/>.</summary>
    public double LearningRate { get; set; }

    /// <summary>What must be saved to go on later, by name.</summary>
    public abstract IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>One step for every parameter that has a gradient, which is then cleared.</summary>
    /// <param name="number">Steps taken before, from 0.</param>
    public void Step(long number)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var index = 0;
        foreach (var group in Groups)
        {
            foreach (var parameter in group.Parameters)
            {
                if (parameter.Grad is { } gradient)
                {
                    Move(parameter, gradient, index, group, number);
                    parameter.ClearGrad();
                }
                index++;
            }
        }
    }

    /// <summary>Moves one parameter.</summary>
    /// <param name="index">Its number over all groups.</param> <param name="group">Its settings; the step size is <see cref="LearningRate"/> times its scale.</param>
    /// <param name="number">Steps taken before, from 0.</param>
    protected abstract void Move(Tensor parameter, Tensor gradient, int index, ParameterGroup group, long number);

    public virtual void Dispose() { }
}

/// <summary>p -= lr (g + decay p): no momentum, as in the released code of the papers.</summary>
public sealed class Sgd(IReadOnlyList<ParameterGroup> groups) : Optimizer(groups)
{
    public override IEnumerable<KeyValuePair<string, Tensor>> State => [];

    protected override void Move(Tensor parameter, Tensor gradient, int index, ParameterGroup group, long number)
    {
        if (group.WeightDecays is { } decays)
        {
            gradient = gradient + parameter * decays;
        }
        else if (group.WeightDecay > 0)
        {
            gradient = gradient + parameter * group.WeightDecay;
        }
        parameter.Add_(group.Scales is { } scales ? gradient * scales : gradient, -LearningRate * group.Scale);
    }
}

/// <summary>Adam with decoupled weight decay; with decay 0 it is Adam.</summary>
/// <remarks>Kingma and Ba 2015, Loshchilov and Hutter 2019; the same arithmetic as torch.optim.AdamW.</remarks>
public sealed class AdamW : Optimizer
{
    readonly double _beta1, _beta2, _epsilon;
    readonly List<(Tensor Mean, Tensor Square)> _moments = [];

    public AdamW(IReadOnlyList<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) : base(groups)
    {
        (_beta1, _beta2, _epsilon) = (beta1, beta2, epsilon);
        using var off = GradMode.Off();
        foreach (var parameter in groups.SelectMany(group => group.Parameters))
        {
            _moments.Add((Aten.Zeros(parameter.Shape, parameter.DType, parameter.Device).Keep(), Aten.Zeros(parameter.Shape, parameter.DType, parameter.Device).Keep()));
        }
    }

    public override IEnumerable<KeyValuePair<string, Tensor>> State => _moments.SelectMany((moment, i) => new KeyValuePair<string, Tensor>[] { new($"{i}.mean", moment.Mean), new($"{i}.square", moment.Square) });

    protected override void Move(Tensor parameter, Tensor gradient, int index, ParameterGroup group, long number)
    {
        var (mean, square) = _moments[index];
        var learningRate = LearningRate * group.Scale;
        mean.Lerp_(gradient, 1 - _beta1);
        square.Mul_(_beta2).AddCMul_(gradient, gradient, 1 - _beta2);
        if (group.WeightDecays is { } decays)
        {
            parameter.Mul_(1 - (group.Scales is { } s ? decays * s : decays) * learningRate);
        }
        else if (group.WeightDecay > 0)
        {
            var shrink = learningRate * group.WeightDecay;
            _ = group.Scales is { } s ? parameter.Mul_(1 - s * shrink) : parameter.Mul_(1 - shrink);
        }
        var size = square.Sqrt().Mul_(1 / Math.Sqrt(1 - Math.Pow(_beta2, number + 1)));
        parameter.AddCDiv_(group.Scales is { } scales ? mean * scales : mean, size + _epsilon, -learningRate / (1 - Math.Pow(_beta1, number + 1)));
    }

    public override void Dispose()
    {
        foreach (var (mean, square) in _moments)
        {
            mean.Dispose();
            square.Dispose();
        }
    }
}
