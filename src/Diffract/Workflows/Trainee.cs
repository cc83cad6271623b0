using Diffract.Diffusion;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A head and the settings under which it is trained.</summary>
sealed record HeadCandidates(HeadInputs Inputs, IReadOnlyList<GridCandidate> Candidates)
{
    /// <summary>True where all candidates cost no more than one.</summary>
    public bool IsGrid => Inputs.Head is LinearConfig { Hidden.Count: 0 };
}

/// <summary>Weights in training: all candidates of a linear head as one stack, or one candidate of another head. It begins from the same weights whatever is trained beside it.</summary>
abstract class Trainee : IDisposable
{
    private protected Trainee(int head, HeadInputs inputs, IReadOnlyList<(int Index, GridCandidate Setting)> candidates, HeadRecipe recipe, Device device)
    {
        (Head, Inputs, Candidates, Store) = (head, inputs, candidates, ParameterStore.New(device));
        Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, 0, purpose: 6));
    }

    /// <summary>Its head's place among those that are trained.</summary>
    public int Head { get; }

    public HeadInputs Inputs { get; }

    /// <summary>Places among the head's candidates, and their settings.</summary>
    public IReadOnlyList<(int Index, GridCandidate Setting)> Candidates { get; }

    public ParameterStore Store { get; }

    /// <summary>For an optimiser, whose learning rate is multiplied by each candidate's over <paramref name="scale"/>.</summary>
    public abstract ParameterGroup Group(double scale);

    /// <summary>The sum of the candidates' mean cross entropies.</summary>
    public abstract Tensor Loss(IReadOnlyDictionary<FeatureKey, Tensor> maps, Tensor labels);

    /// <returns>(N, K, classes).</returns>
    public abstract Tensor Logits(IReadOnlyDictionary<FeatureKey, Tensor> maps);

    /// <summary>Parameters and buffers of its candidate of that place (from 0), under a head's names.</summary>
    public abstract IEnumerable<KeyValuePair<string, Tensor>> Tensors(int candidate);

    /// <summary>As few trainees as serve all candidates.</summary>
    /// <param name="net">The backbone, for a head that runs it itself.</param>
    public static IEnumerable<Trainee> Of(int head, HeadCandidates wanted, HeadRecipe recipe, Device device, UNet? net)
    {
        var all = wanted.Candidates.Index().ToList();
        return wanted.IsGrid ? [new StackedTrainee(head, wanted.Inputs, all, recipe, device)] : all.Select(one => new SingleTrainee(head, wanted.Inputs, one, recipe, device, net));
    }

    public void Dispose() => Store.Dispose();
}

sealed class StackedTrainee : Trainee
{
    readonly LinearGrid _grid;

    public StackedTrainee(int head, HeadInputs inputs, IReadOnlyList<(int Index, GridCandidate Setting)> candidates, HeadRecipe recipe, Device device) : base(head, inputs, candidates, recipe, device)
    {
        Linear = recipe.Linear(inputs.Head);
        _grid = new(Store.Root, Linear, [.. candidates.Select(c => c.Setting)]);
        Store.RequireGrad(true);
    }

    public LinearConfig Linear { get; }

    public override ParameterGroup Group(double scale) => _grid.Group with { Scale = 1 / scale };

    public override Tensor Loss(IReadOnlyDictionary<FeatureKey, Tensor> maps, Tensor labels) => _grid.Loss(Linear.Vector(maps), labels);

    public override Tensor Logits(IReadOnlyDictionary<FeatureKey, Tensor> maps) => _grid.Forward(Linear.Vector(maps), training: false);

    public override IEnumerable<KeyValuePair<string, Tensor>> Tensors(int candidate) => _grid.Candidate(candidate);
}

sealed class SingleTrainee : Trainee
{
    readonly Head _head;

    public SingleTrainee(int head, HeadInputs inputs, (int Index, GridCandidate Setting) candidate, HeadRecipe recipe, Device device, UNet? net) : base(head, inputs, [candidate], recipe, device)
    {
        _head = inputs.Head.Build(Store.Root);
        if (net is not null)
        {
            _head.Attach(net);
        }
        Store.RequireGrad(true);
    }

    public override ParameterGroup Group(double scale) => new([.. Store.Parameters.Values], Candidates[0].Setting.LearningRate / scale, Candidates[0].Setting.WeightDecay);

    public override Tensor Loss(IReadOnlyDictionary<FeatureKey, Tensor> maps, Tensor labels) => Aten.CrossEntropy(_head.Forward(maps, training: true), labels);

    public override Tensor Logits(IReadOnlyDictionary<FeatureKey, Tensor> maps) => _head.Forward(maps, training: false).Unsqueeze(1);

    public override IEnumerable<KeyValuePair<string, Tensor>> Tensors(int candidate) => Store.All;
}
