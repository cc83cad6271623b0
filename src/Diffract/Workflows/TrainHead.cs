using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What is to be trained.</summary>
/// <param name="Head">Kind and settings of the head; steps, blocks and classes are filled in.</param>
public sealed record TrainHeadRequest(HeadConfig Head, HeadRecipe Recipe)
{
    /// <summary>A linear head on maps of <paramref name="pool"/> x <paramref name="pool"/>, learning rate and weight decay chosen on held-out training pictures.</summary>
    public static TrainHeadRequest Linear(int pool = 2) => new(HeadRecipes.Head("default", attention: false, pool, channels: 0), HeadRecipes.Get("default", attention: false));

    /// <summary>Steps to use; null takes the source's.</summary>
    public IReadOnlyList<int>? T { get; init; }
    /// <summary>Blocks to use; null takes the source's.</summary>
    public IReadOnlyList<int>? Blocks { get; init; }
    /// <summary>Which training pictures; null takes all.</summary>
    public TrainSubset? Subset { get; init; }
    /// <summary>Average logits over all looks of the source at the test: a store's views and draws, the draws of live pictures.</summary>
    public bool AverageLooks { get; init; }
}

/// <summary>Labelled pictures, as features in a store or live, to a trained head and its accuracy on the test pictures, which have no part in any choice.</summary>
public static class TrainHead
{
    public const string HeadFileName = "head.safetensors", ResultFile = "result.json";

    const string ChoiceFolder = "choice";

    /// <inheritdoc cref="Run(HeadSource, TrainHeadRequest, string, Action{Progress}?, CancellationToken)"/>
    public static HeadResult Run(FeatureStore store, TrainHeadRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default) =>
        Run(new StoreSource(store), request, folder, report, cancellation);

    /// <param name="folder">Receives the head, result.json, metrics.jsonl and, until it is done, the state of the run; also the backbone, where it was trained.</param>
    /// <exception cref="FeatureStoreException">The source lacks what the head needs.</exception>
    /// <exception cref="TrainException">A split is empty, a class has no training pictures, or the loss is not finite.</exception>
    public static HeadResult Run(HeadSource source, TrainHeadRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        var (recipe, test) = (request.Recipe, Rows(source, "test", PictureSplit.Test));
        var train = TrainRows(source, request, test);
        var inputs = source.Complete(request.Head, request.T, request.Blocks);
        Directory.CreateDirectory(folder);
        var training = new HeadTraining(source, inputs, recipe, report, cancellation);
        var (tried, chosen, choice) = Choose(source, inputs, recipe, training, train, source.RunsNet ? Path.Combine(folder, ChoiceFolder) : null, cancellation);

        HeadResult? result = null;
        training.Run([chosen], train, recipe.Epochs, Path.Combine(folder, "run"), (_, logits, tensors) =>
        {
            var accuracy = HeadTraining.Evaluate(source, inputs, test, logits, request.AverageLooks, cancellation, report: source.RunsNet ? report : null);
            var backbone = source.Save(folder);
            result = new()
            {
                Kind = inputs.Head.Kind,
                Test = Score.Of(accuracy, source.ClassNames),
                Parameters = inputs.Head.ParameterCount(),
                Candidates = tried,
                Chosen = tried.FirstOrDefault(c => (c.LearningRate, c.WeightDecay) == (chosen.LearningRate, chosen.WeightDecay)),
                TrainPictures = train.Length,
                TrainedOn = request.Subset?.ToString() ?? "all training pictures",
                Choice = choice,
                Splits = source.Decision,
                Recipe = recipe.ToJson(),
                Head = inputs.Head.ToJson(),
                Features = source.How.DeepClone(),
                Backbone = backbone.DeepClone(),
                AveragedLooks = request.AverageLooks ? source.TestLooks.Count : 1,
                Unreadable = [.. source.Failures.Select(failure => $"{failure.Path}: {failure.Error}")],
            };
            TrainedHead.Write(Path.Combine(folder, HeadFileName), inputs, tensors, source.Request, backbone, source.ClassNames,
                new JsonObject { ["recipe"] = recipe.ToJson(), ["data"] = source.How["data"]!.DeepClone(), ["trainPictures"] = train.Length });
        });
        result!.Write(Path.Combine(folder, ResultFile));
        KeepMetrics(folder);
        return result;
    }

    static int[] Rows(HeadSource source, string what, params PictureSplit[] splits) => source.RowsOf(splits) is { Length: > 0 } rows ? rows
        : throw new TrainException($"{source.Name} has no labelled {what} pictures. Give it a {what} part, with one folder a class.");

    static int[] TrainRows(HeadSource source, TrainHeadRequest request, int[] test)
    {
        var all = Rows(source, "training", PictureSplit.Train);
        if (source.ClassNames.Count < 2)
        {
            throw new TrainException($"{source.Name} has {source.ClassNames.Count} classes; a classifier needs at least 2. Put the pictures into one folder a class.");
        }
        var rows = request.Subset?.Of(source, all, request.Recipe.Seed) ?? all;
        var (trained, tested) = (rows.Select(row => source.Labels[row]).ToHashSet(), test.Select(row => source.Labels[row]).ToHashSet());
        string[] without = [.. source.ClassNames.Where((_, label) => !trained.Contains(label))];
        return without.Length == 0 ? rows
            : throw new TrainException($"{source.Name}: {without.Length} of {source.ClassNames.Count} classes have no training pictures{(request.Subset is { } subset ? $" among {subset}" : "")}, {source.ClassNames.Index().Count(c => without.Contains(c.Item) && tested.Contains(c.Index))} of them are tested: "
                + $"{string.Join(", ", without.Take(5).Select(name => $"'{name}'"))}{(without.Length > 5 ? ", ..." : "")}. Class folders must have the same names in every split and hold pictures; rename, fill or remove them.");
    }

    static (IReadOnlyList<CandidateLine>, GridCandidate, string) Choose(HeadSource source, HeadInputs inputs, HeadRecipe recipe, HeadTraining training, int[] train, string? folder, CancellationToken cancellation)
    {
        var candidates = recipe.Candidates;
        if (candidates.Count == 1)
        {
            return ([], candidates[0], source is StoreSource ? "The recipe names one learning rate and weight decay; nothing was chosen." : string.Create(CultureInfo.InvariantCulture,
                $"One learning rate, {candidates[0].LearningRate}, and weight decay, {candidates[0].WeightDecay}, were used without a choice: pictures that go through the net anew each epoch make each candidate dear. --lr names several to choose among."));
        }
        var (fit, held, where) = HoldOut(source, recipe, train);
        if (held.Length == 0)
        {
            throw new TrainException($"{source.Name}: no class has two training pictures, so none can be held out to choose among {candidates.Count} settings. Give one --lr and one --decay.");
        }
        var epochs = training.TrainsAllAtOnce ? recipe.Epochs : Math.Max(2, recipe.Epochs / 3);
        var lines = new CandidateLine[candidates.Count];
        training.Run(candidates, fit, epochs, folder, (i, logits, _) =>
            lines[i] = new(candidates[i].LearningRate, candidates[i].WeightDecay, HeadTraining.Evaluate(source, inputs, held, logits, cancellation: cancellation).Top1));
        var best = Enumerable.Range(0, lines.Length).MaxBy(i => lines[i].HeldOutAccuracy);
        return (lines, candidates[best], string.Create(CultureInfo.InvariantCulture,
            $"Learning rate and weight decay are the best of {candidates.Count} after {epochs} epochs on {held.Length} {where}; the head was then trained on all {train.Length} training pictures, and the test pictures were used once, at the end."));
    }

    static (int[] Fit, int[] Held, string Where) HoldOut(HeadSource source, HeadRecipe recipe, int[] train)
    {
        if (source.RowsOf(PictureSplit.Validation) is { Length: > 0 } validation)
        {
            return (train, validation, "pictures of the validation part");
        }
        int[] held = [.. train.GroupBy(row => source.Labels[row]).SelectMany(rows =>
        {
            int[] ranked = [.. rows.OrderBy(row => Seeds.Of(recipe.Seed, (ulong)row, purpose: 9))];
            return ranked.Take(ranked.Length < 2 ? 0 : Math.Clamp((int)Math.Round(ranked.Length * recipe.HeldOut), 1, ranked.Length - 1));
        }).Order()];
        return ([.. train.Except(held)], held, "held-out training pictures");
    }

    // What remains of the finished run is its curve.
    static void KeepMetrics(string folder)
    {
        var run = Path.Combine(folder, "run");
        File.Move(Path.Combine(run, TrainLoop.MetricsFile), Path.Combine(folder, TrainLoop.MetricsFile), overwrite: true);
        Directory.Delete(run, recursive: true);
        if (Path.Combine(folder, ChoiceFolder) is { } choice && Directory.Exists(choice))
        {
            Directory.Delete(choice, recursive: true);
        }
    }
}
