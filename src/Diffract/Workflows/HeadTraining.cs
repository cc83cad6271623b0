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
/// Trains one or several heads on rows of a source: linear candidates all at once, others one after another. Weights of the source,
/// where it has any, are trained together with each head, from the same start.
/// </summary>
sealed class HeadTraining(HeadSource source, HeadInputs inputs, HeadRecipe recipe, Action<Progress>? report, CancellationToken cancellation)
{
    /// <summary>Called with a candidate's index, a function from maps to logits, and its tensors under a head's names, while they are alive.</summary>
    public delegate void Take(int index, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor> logits, IEnumerable<KeyValuePair<string, Tensor>> tensors);

    /// <summary>True where all candidates cost no more than one.</summary>
    public bool TrainsAllAtOnce => inputs.Head is LinearConfig { Hidden.Count: 0 } && !source.State.Any();

    /// <param name="candidates">To train.</param> <param name="rows">Of the source.</param> <param name="epochs">Passes over the rows.</param>
    /// <param name="folder">For the state, or a folder for each of several candidates' states; null keeps none.</param>
    public void Run(IReadOnlyList<GridCandidate> candidates, int[] rows, int epochs, string? folder, Take take)
    {
        if (TrainsAllAtOnce)
        {
            RunGrid((LinearConfig)inputs.Head, candidates, rows, epochs, folder, take);
            return;
        }
        for (var i = 0; i < candidates.Count; i++)
        {
            RunOne(i, candidates[i], rows, epochs, candidates.Count == 1 || folder is null ? folder : Path.Combine(folder, $"{i}"), take);
        }
    }

    void RunGrid(LinearConfig linear, IReadOnlyList<GridCandidate> candidates, int[] rows, int epochs, string? folder, Take take)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, 0, purpose: 6));
        using var store = ParameterStore.New(source.Device);
        var grid = new LinearGrid(store.Root, linear, candidates);
        store.RequireGrad(true);
        using var optimizer = Make([grid.Group]);
        Loop("train " + linear.Kind, optimizer, [.. store.All], rows, epochs, folder, scale: 1, (maps, labels) => grid.Loss(linear.Vector(maps), labels));
        for (var i = 0; i < candidates.Count; i++)
        {
            using var inner = new TensorScope();
            var index = i;
            take(i, maps => grid.Forward(linear.Vector(maps), training: false).Select(1, index), grid.Candidate(i));
        }
    }

    void RunOne(int index, GridCandidate candidate, int[] rows, int epochs, string? folder, Take take)
    {
        using var scope = new TensorScope();
        source.Restore();
        Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, 0, purpose: 6));
        using var store = ParameterStore.New(source.Device);
        var head = inputs.Head.Build(store.Root);
        if (source.Net is { } net)
        {
            head.Attach(net);
        }
        store.RequireGrad(true);
        using var optimizer = Make([new([.. store.Parameters.Values], WeightDecay: candidate.WeightDecay), .. source.Trained(candidate.WeightDecay)]);
        KeyValuePair<string, Tensor>[] state = [.. store.All, .. source.State.Select(pair => new KeyValuePair<string, Tensor>("source." + pair.Key, pair.Value))];
        Loop("train " + inputs.Head.Kind, optimizer, state, rows, epochs, folder, candidate.LearningRate, (maps, labels) => Aten.CrossEntropy(head.Forward(maps, training: true), labels));
        take(index, maps => head.Forward(maps, training: false), store.All);
    }

    void Loop(string activity, Optimizer optimizer, IReadOnlyList<KeyValuePair<string, Tensor>> state, int[] rows, int epochs, string? folder, double scale, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor, Tensor> loss)
    {
        var order = new TrainingOrder(rows, epochs, recipe.BatchSize, recipe.Accumulate, recipe.Seed);
        var (perEpoch, total) = (order.StepsPerEpoch, order.Steps);
        var config = new TrainLoopConfig
        {
            Activity = activity, Steps = total, Folder = folder, Accumulate = recipe.Accumulate,
            LogEvery = source.RunsNet ? Math.Min(perEpoch, 10) : perEpoch,
            SaveEvery = source.RunsNet ? Math.Min(perEpoch, 200) : perEpoch * Math.Max(1, epochs / 4),
            LearningRate = recipe.Decay == DecayKind.Cosine
                ? LearningRate.WarmupCosine(scale, Math.Max(1, total / 20), total)
                : LearningRate.Steps(scale, perEpoch * Math.Max(1, recipe.DecayEvery * epochs / recipe.Epochs)),
            Fingerprint = string.Create(CultureInfo.InvariantCulture, $"{source.How.ToJsonString()} {inputs.Head.ToJson().ToJsonString()} {recipe.ToJson().ToJsonString()} scale={scale} rows={rows.Length}:{rows.Aggregate(0UL, (hash, row) => Seeds.Of(hash, (ulong)row, purpose: 11)):x} epochs={epochs}"),
        };
        var first = folder is null ? 0 : TrainLoop.StepOf(folder);
        using var batches = source.Load(inputs, order.LooksFrom(first, source), order.PartSizesFrom(first), CancellationToken.None).GetEnumerator(); // the loop stops between steps, and saves
        Tensor Loss(long step, int part)
        {
            Torch.Torch.ManualSeed(Seeds.Of(recipe.Seed, (ulong)(step * recipe.Accumulate + part), purpose: 10)); // dropout, where there is any
            batches.MoveNext();
            var value = loss(batches.Current.Maps, batches.Current.Labels);
            return recipe.Accumulate == 1 ? value : value * ((double)order.PartSize(step, part) * recipe.Accumulate / order.Size(step));
        }
        TrainLoop.Run(config, optimizer, state, Loss, report: report, cancellation: cancellation);
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

    /// <summary>Accuracy on rows, in the source's first look, or averaged over all of them.</summary>
    /// <param name="take">Called with each batch's logits (N, classes) and rows; may be null.</param>
    public static Accuracy Evaluate(HeadSource source, HeadInputs inputs, int[] rows, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor> logits, bool average = false, CancellationToken cancellation = default,
        Action<Tensor, int[]>? take = null, Action<Progress>? report = null)
    {
        var meter = new ProgressMeter("test", "pictures", 0, rows.Length, report);
        using var off = GradMode.Off();
        var accuracy = new Accuracy(inputs.Head.Classes, Math.Min(5, inputs.Head.Classes));
        var views = average ? source.TestLooks : [source.TestLooks[0]];
        var parts = rows.Chunk(source.TestBatch).ToList();
        RowLook[] looks = [.. from part in parts from look in views from row in part select new RowLook(row, look.View, look.Draw)];
        using var batches = source.Load(inputs, looks, parts.SelectMany(part => Enumerable.Repeat(part.Length, views.Count)), cancellation).GetEnumerator();
        for (var i = 0; i < parts.Count; i++)
        {
            using var scope = new TensorScope();
            Tensor? sum = null;
            for (var look = 0; look < views.Count && batches.MoveNext(); look++)
            {
                var some = logits(batches.Current.Maps);
                sum = sum is null ? some : sum + some;
            }
            var mean = (views.Count == 1 ? sum! : sum! / views.Count).To(Device.Cpu);
            accuracy.Add(mean, batches.Current.Labels.To(Device.Cpu));
            take?.Invoke(mean, batches.Current.Rows);
            meter.Report(Math.Min((i + 1L) * source.TestBatch, rows.Length));
        }
        return accuracy;
    }
}
