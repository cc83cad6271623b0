using System.Globalization;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// Trains heads on rows of a source in one pass: each batch is loaded once for all heads and candidates. Weights of the source, where it has any,
/// are trained together with a head, from the same start, so there each candidate has a pass of its own.
/// </summary>
sealed class HeadTraining(HeadSource source, HeadRecipe recipe, Action<Progress>? report, CancellationToken cancellation)
{
    /// <summary>True where all candidates of the head cost no more than one.</summary>
    public bool TrainsAllAtOnce(HeadCandidates head) => head.IsGrid && !source.State.Any();

    /// <param name="heads">To train. None has any influence on another.</param> <param name="rows">Of the source.</param> <param name="epochs">Passes over the rows.</param>
    /// <param name="folder">For the state, or where the source is trained too for a folder for each of several candidates; null keeps none.</param>
    /// <param name="take">Called with what was trained while it is alive: once with everything, or where the source is trained too once for each candidate.</param>
    public void Run(IReadOnlyList<HeadCandidates> heads, int[] rows, int epochs, string? folder, Action<IReadOnlyList<Trainee>> take)
    {
        if (recipe.Optimizer == OptimizerKind.Lbfgs)
        {
            Fit(heads, rows, folder, take);
            return;
        }
        if (!source.State.Any())
        {
            Run([.. heads.Index().SelectMany(head => Trainee.Of(head.Index, head.Item, recipe, source.Device, source.Net))], rows, epochs, folder, take);
            return;
        }
        foreach (var (head, index, candidate) in heads.Index().SelectMany(head => head.Item.Candidates.Index().Select(one => (head, one.Index, one.Item))))
        {
            source.Restore();
            var alone = heads.Count == 1 && head.Item.Candidates.Count == 1;
            Run([new SingleTrainee(head.Index, head.Item.Inputs, (index, candidate), recipe, source.Device, source.Net)], rows, epochs, alone || folder is null ? folder : Path.Combine(folder, $"{head.Index}-{index}"), take);
        }
    }

    void Fit(IReadOnlyList<HeadCandidates> heads, int[] rows, string? folder, Action<IReadOnlyList<Trainee>> take)
    {
        if (folder is not null && File.Exists(Path.Combine(folder, TrainLoop.StateFile)))
        {
            throw new TrainException($"{folder} is of another run, which was stopped: it has trained for {TrainLoop.StepOf(folder)} steps, while this one fits a head at once. Finish it by the command that began it, choose another folder, or delete it.");
        }
        using var scope = new TensorScope();
        var trainees = new List<StackedTrainee>();
        try
        {
            trainees.AddRange(heads.Index().Select(head => new StackedTrainee(head.Index, head.Item.Inputs, [.. head.Item.Candidates.Index()], recipe, source.Device)));
            var fitting = new LogisticTraining(source, report, cancellation);
            trainees.ForEach(trainee => fitting.Fit(trainee, rows, folder));
            take(trainees);
        }
        finally
        {
            trainees.ForEach(trainee => trainee.Dispose());
        }
    }

    void Run(IReadOnlyList<Trainee> trainees, int[] rows, int epochs, string? folder, Action<IReadOnlyList<Trainee>> take)
    {
        using var scope = new TensorScope();
        try
        {
            var scale = trainees is [SingleTrainee alone] ? alone.Candidates[0].Setting.LearningRate : 1;
            ParameterGroup[] groups = [.. trainees.Select(trainee => trainee.Group(scale)), .. source.Trained(trainees[0].Candidates[0].Setting.WeightDecay)];
            using Optimizer optimizer = recipe.Optimizer == OptimizerKind.Sgd ? new Sgd(groups) : new AdamW(groups);
            Loop(trainees, optimizer, rows, epochs, folder, scale);
            take(trainees);
        }
        finally
        {
            foreach (var trainee in trainees)
            {
                trainee.Dispose();
            }
        }
    }

    void Loop(IReadOnlyList<Trainee> trainees, Optimizer optimizer, int[] rows, int epochs, string? folder, double scale)
    {
        var normsOverBatch = recipe.Accumulate > 1 && trainees.Any(trainee => trainee.Inputs.Head is { NormsOverBatch: true } and not FeedbackHeadConfig);
        var (parts, rounds) = !normsOverBatch ? (recipe.Accumulate, 1) : source.State.Any() ? (recipe.Accumulate, 2) : (1, 1); // where the net is frozen, the batch is as large as its heads need it
        var order = new TrainingOrder(rows, epochs, recipe.BatchSize, parts, recipe.Seed);
        var (perEpoch, total) = (order.StepsPerEpoch, order.Steps);
        var config = new TrainLoopConfig
        {
            Activity = trainees.Count == 1 ? "train " + trainees[0].Inputs.Head.Kind : $"train {trainees.Sum(trainee => trainee.Candidates.Count)} heads",
            Steps = total, Folder = folder, Accumulate = parts,
            LogEvery = source.RunsNet ? Math.Min(perEpoch, 10) : perEpoch,
            SaveEvery = source.RunsNet ? Math.Min(perEpoch, 200) : perEpoch * Math.Max(1, epochs / 4),
            LearningRate = recipe.Decay == DecayKind.Cosine
                ? LearningRate.WarmupCosine(scale, Math.Max(1, total / 20), total)
                : LearningRate.Steps(scale, perEpoch * Math.Max(1, recipe.DecayEvery * epochs / recipe.Epochs)),
            Fingerprint = string.Create(CultureInfo.InvariantCulture, $"{source.How.ToJsonString()} {string.Join(" ", trainees.Select(Described))} {recipe.ToJson().ToJsonString()} scale={scale} rows={rows.Length}:{rows.Aggregate(0UL, (hash, row) => Seeds.Of(hash, (ulong)row, purpose: 11)):x} epochs={epochs}{(normsOverBatch ? $" parts={parts}x{rounds}" : "")}"),
        };
        var prefixes = trainees.Index().ToDictionary(trainee => trainee.Item, trainee => trainees.Count == 1 ? "" : $"{trainee.Index}.");
        KeyValuePair<string, Tensor>[] state = [.. trainees.SelectMany(trainee => Prefixed(prefixes[trainee], trainee.Store.All)), .. Prefixed("source.", source.State)];
        var first = folder is null ? 0 : TrainLoop.StepOf(folder);
        using var batches = source.LoadFor([.. trainees.Select(trainee => trainee.Inputs)], order.LooksFrom(first, source, rounds), order.PartSizesFrom(first, rounds), CancellationToken.None).GetEnumerator(); // the loop stops between steps, and saves
        SharedBatch Next(long step, int part)
        {
            Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, (ulong)(step * parts + part), purpose: 12)); // dropout of a net that is trained too
            batches.MoveNext();
            return batches.Current;
        }
        Tensor HeadLoss(int i, long step, int part, IReadOnlyDictionary<FeatureKey, Tensor> maps, Tensor labels)
        {
            Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, (ulong)(step * parts + part), purpose: 10)); // dropout, where there is any
            return trainees[i].Loss(maps, labels);
        }
        Tensor Loss(long step, int part)
        {
            var batch = Next(step, part);
            var weight = parts == 1 ? 1 : (double)order.PartSize(step, part) * parts / order.Size(step);
            Tensor One(int i)
            {
                var value = HeadLoss(i, step, part, batch.Maps[i], batch.Labels);
                value = trainees.Count == 1 ? value : value.ZeroWhereNotFinite();          // one that has diverged does not end the others' training
                return weight == 1 ? value : value * weight;
            }
            var others = Aten.Zeros([], device: source.Device);
            for (var i = 0; i < trainees.Count - 1; i++)                                   // differentiated here, so that one head's maps at a time take memory
            {
                using var scope = new TensorScope();
                var value = One(i);
                (value / parts).Backward();
                others.Add_(value.Detach());
            }
            var last = One(trainees.Count - 1);
            return trainees.Count == 1 ? last : last + others;
        }
        using var whole = new WholeBatchLoss(parts, Next, (step, maps, labels) => HeadLoss(0, step, 0, maps, labels));
        TrainLoop.Run(config, optimizer, state, rounds == 2 ? whole.Of : Loss, report: report, cancellation: cancellation);
    }

    static IEnumerable<KeyValuePair<string, Tensor>> Prefixed(string prefix, IEnumerable<KeyValuePair<string, Tensor>> tensors) => tensors.Select(pair => new KeyValuePair<string, Tensor>(prefix + pair.Key, pair.Value));

    static string Described(Trainee trainee) => $"{trainee.Inputs.Head.ToJson().ToJsonString()} {string.Join(" ", trainee.Candidates.Select(one => FormattableString.Invariant($"{one.Setting.LearningRate}/{one.Setting.WeightDecay}")))}";

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
}
