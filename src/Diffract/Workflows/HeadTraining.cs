using System.Globalization;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// Trains one or several heads on rows of a store: linear candidates all at once, others one after another. Each row shows one of its
/// views and draws an epoch, as the seed says.
/// </summary>
sealed class HeadTraining(FeatureStore features, HeadInputs inputs, HeadRecipe recipe, Action<Progress>? report, CancellationToken cancellation)
{
    /// <summary>The trained candidates' tensors, under a head's names.</summary>
    /// <param name="candidates">To train.</param> <param name="rows">Of the store.</param> <param name="epochs">Passes over the rows.</param> <param name="folder">For the state; null keeps none.</param>
    /// <param name="take">Called with each candidate's index and a function from maps to logits, while its store is alive.</param>
    public void Run(IReadOnlyList<GridCandidate> candidates, int[] rows, int epochs, string? folder, Action<int, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor>, IEnumerable<KeyValuePair<string, Tensor>>> take)
    {
        if (inputs.Head is LinearConfig { Hidden.Count: 0 } linear)
        {
            RunGrid(linear, candidates, rows, epochs, folder, take);
            return;
        }
        for (var i = 0; i < candidates.Count; i++)
        {
            RunOne(i, candidates[i], rows, epochs, candidates.Count == 1 ? folder : null, take);
        }
    }

    void RunGrid(LinearConfig linear, IReadOnlyList<GridCandidate> candidates, int[] rows, int epochs, string? folder, Action<int, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor>, IEnumerable<KeyValuePair<string, Tensor>>> take)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, 0, purpose: 6));
        using var store = ParameterStore.New();
        var grid = new LinearGrid(store.Root, linear, candidates);
        store.RequireGrad(true);
        using var optimizer = Make([grid.Group]);
        Loop("train " + linear.Kind, optimizer, store, rows, epochs, folder, scale: 1, (maps, labels) => grid.Loss(linear.Vector(maps), labels));
        for (var i = 0; i < candidates.Count; i++)
        {
            using var inner = new TensorScope();
            var index = i;
            take(i, maps => grid.Forward(linear.Vector(maps), training: false).Select(1, index), grid.Candidate(i));
        }
    }

    void RunOne(int index, GridCandidate candidate, int[] rows, int epochs, string? folder, Action<int, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor>, IEnumerable<KeyValuePair<string, Tensor>>> take)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, 0, purpose: 6));
        using var store = ParameterStore.New();
        var head = inputs.Head.Build(store.Root);
        store.RequireGrad(true);
        using var optimizer = Make([new([.. store.Parameters.Values], WeightDecay: candidate.WeightDecay)]);
        Loop("train " + inputs.Head.Kind, optimizer, store, rows, epochs, folder, candidate.LearningRate, (maps, labels) => Aten.CrossEntropy(head.Forward(maps, training: true), labels));
        take(index, maps => head.Forward(maps, training: false), store.All);
    }

    void Loop(string activity, Optimizer optimizer, ParameterStore store, int[] rows, int epochs, string? folder, double scale, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor, Tensor> loss)
    {
        // A last batch of one row, which batch norm cannot take, joins the one before.
        long perEpoch = Math.Max(1, (rows.Length + recipe.BatchSize - 2) / recipe.BatchSize);
        var total = perEpoch * epochs;
        var config = new TrainLoopConfig
        {
            Activity = activity, Steps = total, LogEvery = perEpoch, SaveEvery = perEpoch * Math.Max(1, epochs / 4), Folder = folder,
            LearningRate = recipe.Decay == DecayKind.Cosine
                ? LearningRate.WarmupCosine(scale, Math.Max(1, total / 20), total)
                : LearningRate.Steps(scale, perEpoch * Math.Max(1, recipe.DecayEvery * epochs / recipe.Epochs)),
            Fingerprint = string.Create(CultureInfo.InvariantCulture, $"{features.Manifest.How.ToJsonString()} {inputs.Head.ToJson().ToJsonString()} {recipe.ToJson().ToJsonString()} scale={scale} rows={rows.Length} epochs={epochs}"),
        };
        int[] order = [];
        var epochOfOrder = -1L;
        Tensor Loss(long step, int part)
        {
            var (epoch, at) = (step / perEpoch, (int)(step % perEpoch));
            if (epoch != epochOfOrder)
            {
                (epochOfOrder, order) = (epoch, [.. Seeds.Permutation(rows.Length, Seeds.Of(recipe.Seed, (ulong)epoch, purpose: 7)).Select(i => rows[i])]);
            }
            var last = at == perEpoch - 1;
            var batch = order.AsSpan(at * recipe.BatchSize, (last ? rows.Length : (at + 1) * recipe.BatchSize) - at * recipe.BatchSize);
            return loss(inputs.Gather(features, batch, row => Pick(row, epoch)), Labels(features, batch));
        }
        TrainLoop.Run(config, optimizer, [.. store.All], Loss, report: report, cancellation: cancellation);
    }

    (int View, int Draw) Pick(int row, long epoch)
    {
        var request = features.Request;
        var chance = Seeds.Of(recipe.Seed, (ulong)row, purpose: 100 + (ulong)epoch);
        return ((int)(chance % (ulong)request.Views), (int)((chance >> 8) % (ulong)request.Draws));
    }

    Optimizer Make(IReadOnlyList<ParameterGroup> groups) => recipe.Optimizer == OptimizerKind.Sgd ? new Sgd(groups) : new AdamW(groups);

    /// <summary>(rows) int64.</summary>
    public static Tensor Labels(FeatureStore store, ReadOnlySpan<int> rows)
    {
        var labels = new long[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            labels[i] = store.Labels[rows[i]];
        }
        return Tensor.From(labels);
    }

    /// <summary>Accuracy on rows, in their first view and draw, or averaged over all of them.</summary>
    public static Accuracy Evaluate(FeatureStore store, HeadInputs inputs, int[] rows, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor> logits, bool average = false, CancellationToken cancellation = default, Action<Tensor, int[]>? take = null)
    {
        using var off = GradMode.Off();
        var accuracy = new Accuracy(inputs.Head.Classes, Math.Min(5, inputs.Head.Classes)) { Outcomes = new() };
        foreach (var batch in rows.Chunk(256))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            var sum = logits(inputs.Gather(store, batch, _ => (0, 0)));
            if (average)
            {
                foreach (var (view, draw) in Looks(store.Request).Skip(1))
                {
                    sum = sum + logits(inputs.Gather(store, batch, _ => (view, draw)));
                }
                sum = sum / (store.Request.Views * store.Request.Draws);
            }
            accuracy.Add(sum, Labels(store, batch));
            take?.Invoke(sum, batch);
        }
        return accuracy;
    }

    static IEnumerable<(int View, int Draw)> Looks(FeatureRequest request) => from view in Enumerable.Range(0, request.Views) from draw in Enumerable.Range(0, request.Draws) select (view, draw);
}
