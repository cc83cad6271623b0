using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>How one of several heads that are trained together is trained.</summary>
/// <param name="LearningRate">Times the loop's learning rate, &gt; 0.</param> <param name="WeightDecay">At least 0.</param>
public sealed record GridCandidate(double LearningRate, double WeightDecay = 0);

/// <summary>
/// K linear heads of one configuration that differ in learning rate and weight decay, trained at once: one product and one pass over the features a step.
/// They start from the same weights, and none has any influence on another: each ends where it would have ended alone.
/// </summary>
public sealed class LinearGrid
{
    readonly LinearConfig _config;
    readonly BatchNorm1d? _norm;
    readonly IReadOnlyList<KeyValuePair<string, Tensor>> _normState = [];
    readonly Tensor _weight, _bias;

    /// <param name="p">In a store of its own. The parameters are "weight" (K, classes, inputs) and "bias" (K, classes, 1).</param>
    /// <exception cref="HeadConfigException">The configuration is at fault or has hidden layers, or there is no candidate.</exception>
    public LinearGrid(Params p, LinearConfig config, IReadOnlyList<GridCandidate> candidates)
    {
        config.Check("grid of linear heads");
        HeadConfigException.ThrowIfAny("grid of linear heads", Faults(config, candidates));
        (_config, Candidates) = (config, candidates);
        long k = candidates.Count;
        long[] one = [config.Classes, config.Inputs];
        if (config.BatchNorm)
        {
            var norm = p["norm"];
            _norm = new(norm, config.Inputs);
            _normState = [.. p.Store.All.Where(pair => pair.Key.StartsWith(norm.Prefix + ".", StringComparison.Ordinal))
                .Select(pair => new KeyValuePair<string, Tensor>("norm" + pair.Key[norm.Prefix.Length..], pair.Value))];
        }
        _weight = p.Get("weight", [k, .. one], stack => Repeat(stack, one, Inits.KaimingUniform));
        _bias = p.Get("bias", [k, config.Classes, 1], stack => Repeat(stack, [config.Classes, 1], Inits.BiasOf(one)));
    }

    public IReadOnlyList<GridCandidate> Candidates { get; }

    /// <summary>For an optimiser, whose learning rate is multiplied by each candidate's.</summary>
    public ParameterGroup Group => new([_weight, _bias]) { Scales = [.. Candidates.Select(c => c.LearningRate)], WeightDecays = [.. Candidates.Select(c => c.WeightDecay)] };

    /// <param name="x">(N, inputs) from <see cref="LinearConfig.Vector"/>.</param> <param name="training">As for <see cref="Head.Forward"/>.</param>
    /// <returns>Logits (N, K, classes).</returns>
    public Tensor Forward(Tensor x, bool training)
    {
        using var scope = new TensorScope();
        var logits = Aten.Linear(_norm?.Forward(x, training) ?? x, _weight.Flatten(0, 1), _bias.Flatten()); // (N, K classes)
        return scope.Return(logits.Reshape(-1, Candidates.Count, _config.Classes));
    }

    /// <summary>What is differentiated: the sum of the candidates' mean losses. One of several that has diverged counts as 0, so that it does not end the others' training.</summary>
    /// <param name="x">(N, inputs).</param> <param name="labels">(N), int64.</param> <returns>A scalar.</returns>
    public Tensor Loss(Tensor x, Tensor labels)
    {
        using var scope = new TensorScope();
        var losses = Losses(Forward(x, training: true), labels);                           // (K)
        return scope.Return((Candidates.Count > 1 ? losses.ZeroWhereNotFinite() : losses).Sum());
    }

    /// <summary>Mean cross entropy of each candidate.</summary>
    /// <param name="logits">(N, K, classes).</param> <param name="labels">(N), int64.</param> <returns>(K); not finite where a candidate has diverged.</returns>
    public static Tensor Losses(Tensor logits, Tensor labels)
    {
        using var scope = new TensorScope();
        var (n, k) = (logits.Size(0), logits.Size(1));
        var repeated = labels.Unsqueeze(1).Expand(n, k).Flatten();                         // (N K)
        return scope.Return(Aten.CrossEntropyEach(logits.Flatten(0, 1), repeated).Reshape(n, k).Mean(0));
    }

    /// <summary>Parameters and buffers of one candidate under the names of a <see cref="LinearHead"/> of the same configuration; they share memory with the store.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Candidate(int index)
    {
        if (index < 0 || index >= Candidates.Count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), $"candidate {index} of {Candidates.Count}");
        }
        using var off = GradMode.Off();
        return [new("fcs.0.weight", _weight.Select(0, index)), new("fcs.0.bias", _bias.Select(0, index).Flatten()), .. _normState];
    }

    static IEnumerable<string> Faults(LinearConfig config, IReadOnlyList<GridCandidate> candidates)
    {
        if (config.Hidden.Count > 0)
        {
            yield return "hidden layers are given; a grid trains linear heads only";
        }
        if (candidates.Count == 0)
        {
            yield return "there is no candidate";
        }
        foreach (var candidate in candidates.Where(c => !(c.LearningRate > 0 && double.IsFinite(c.LearningRate) && c.WeightDecay >= 0 && double.IsFinite(c.WeightDecay))))
        {
            yield return $"{candidate}: expected a learning rate above 0 and a weight decay of at least 0";
        }
    }

    static void Repeat(Tensor stack, long[] shape, Init init)
    {
        var one = Aten.Empty(shape);
        init(one);
        stack.Copy_(one);
    }
}
