using Diffract.Torch;

namespace Diffract.Optim;

/// <summary>Parameters that share their settings.</summary>
/// <param name="Parameters">Leaves that require gradients.</param>
/// <param name="Scale">Times the optimiser's learning rate.</param>
/// <param name="WeightDecay">As each optimiser defines it; at least 0.</param>
public sealed record ParameterGroup(IReadOnlyList<Tensor> Parameters, double Scale = 1, double WeightDecay = 0)
{
    /// <summary>For parameters that stack K models along their first dimension: a further factor of the learning rate for each; null for one model.</summary>
    public IReadOnlyList<double>? Scales { get; init; }

    /// <summary>Likewise a weight decay for each, in place of <see cref="WeightDecay"/>.</summary>
    public IReadOnlyList<double>? WeightDecays { get; init; }
}

/// <summary>Moves parameters against their gradients.</summary>
public abstract class Optimizer(IReadOnlyList<ParameterGroup> groups) : IDisposable
{
    // Of a large parameter so many elements are moved at a time: what an operator writes is then still in the cache when the next reads it.
    const long Part = 1 << 15;

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
                    Move([parameter, gradient, .. StateOf(index)], group, number);
                    parameter.ClearGrad();
                }
                index++;
            }
        }
    }

    void Move(Tensor[] tensors, ParameterGroup group, long number)
    {
        var models = group.Scales is null && group.WeightDecays is null ? 1 : (int)tensors[0].Size(0);
        double[] rates = [.. Enumerable.Range(0, models).Select(k => LearningRate * group.Scale * (group.Scales?[k] ?? 1))], decays = [.. Enumerable.Range(0, models).Select(k => group.WeightDecays?[k] ?? group.WeightDecay)];
        if (MoveAtOnce(tensors, rates, decays, number))
        {
            return;
        }
        for (var k = 0; k < models; k++)
        {
            MoveInParts(models == 1 ? tensors : [.. tensors.Select(tensor => tensor.Select(0, k))], rates[k], decays[k], number);
        }
    }

    void MoveInParts(Tensor[] tensors, double learningRate, double weightDecay, long number)
    {
        var elements = tensors[0].Elements;
        if (elements <= Part || tensors[0].Device != Device.Cpu || !tensors.All(tensor => tensor.IsContiguous))
        {
            Move(tensors[0], tensors[1], tensors[2..], learningRate, weightDecay, number);
            return;
        }
        Tensor[] flat = [.. tensors.Select(tensor => tensor.Flatten())];
        for (long first = 0; first < elements; first += Part)
        {
            using var scope = new TensorScope();
            Tensor[] some = [.. flat.Select(tensor => tensor.Narrow(0, first, Math.Min(Part, elements - first)))];
            Move(some[0], some[1], some[2..], learningRate, weightDecay, number);
        }
    }

    /// <summary>What belongs to a parameter, of its shape.</summary>
    /// <param name="index">Its number over all groups.</param>
    protected abstract Tensor[] StateOf(int index);

    /// <summary>Moves a parameter in one pass, or each model that it stacks along its first dimension by its own learning rate and weight decay; false, and nothing is moved, where there is no such way.</summary>
    protected virtual bool MoveAtOnce(Tensor[] tensors, double[] learningRates, double[] weightDecays, long number) => false;

    /// <summary>Moves a parameter, or some elements of one: each by itself, whatever its neighbours are.</summary>
    /// <param name="state">The same elements of what <see cref="StateOf"/> gives.</param> <param name="number">Steps taken before, from 0.</param>
    protected abstract void Move(Tensor parameter, Tensor gradient, Tensor[] state, double learningRate, double weightDecay, long number);

    public virtual void Dispose() { }
}

/// <summary>p -= lr (g + decay p): no momentum, as in the released code of the papers.</summary>
public sealed class Sgd(IReadOnlyList<ParameterGroup> groups) : Optimizer(groups)
{
    public override IEnumerable<KeyValuePair<string, Tensor>> State => [];

    protected override Tensor[] StateOf(int index) => [];

    protected override void Move(Tensor parameter, Tensor gradient, Tensor[] state, double learningRate, double weightDecay, long number) =>
        parameter.Add_(weightDecay > 0 ? gradient + parameter * weightDecay : gradient, -learningRate);
}

/// <summary>Adam with decoupled weight decay; with decay 0 it is Adam.</summary>
/// <remarks>Kingma and Ba 2015, Loshchilov and Hutter 2019; the same arithmetic as torch.optim.AdamW.</remarks>
public sealed class AdamW : Optimizer
{
    static readonly Lazy<bool> HasKernel = new(() => Environment.GetEnvironmentVariable("DIFFRACT_KERNELS") != "0" && Torch.Torch.HasOperator("diffract::adamw_"));

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

    protected override Tensor[] StateOf(int index) => [_moments[index].Mean, _moments[index].Square];

    protected override bool MoveAtOnce(Tensor[] tensors, double[] learningRates, double[] weightDecays, long number)
    {
        if (!HasKernel.Value || !tensors.All(tensor => tensor.Device.IsCpu && tensor.DType == DType.Float32 && tensor.IsContiguous))
        {
            return false;
        }
        Dispatcher.CallAll("diffract::adamw_", tensors[0], tensors[1], tensors[2], tensors[3], learningRates, weightDecays, _beta1, _beta2, _epsilon, number + 1);
        return true;
    }

    protected override void Move(Tensor parameter, Tensor gradient, Tensor[] state, double learningRate, double weightDecay, long number)
    {
        var (mean, square) = (state[0], state[1]);
        mean.Lerp_(gradient, 1 - _beta1);
        square.Mul_(_beta2).AddCMul_(gradient, gradient, 1 - _beta2);
        if (weightDecay > 0)
        {
            parameter.Mul_(1 - learningRate * weightDecay);
        }
        var size = square.Sqrt().Mul_(1 / Math.Sqrt(1 - Math.Pow(_beta2, number + 1)));
        parameter.AddCDiv_(mean, size + _epsilon, -learningRate / (1 - Math.Pow(_beta1, number + 1)));
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
