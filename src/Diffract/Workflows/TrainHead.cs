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
    public static TrainHeadRequest Linear(int pool = 2) => new(HeadRecipes.Head("default", "linear", pool, channels: 0), HeadRecipes.Get("default", attention: false));

    /// <summary>Steps to use; null takes the store's.</summary>
    public IReadOnlyList<int>? T { get; init; }
    /// <summary>Blocks to use; null takes the store's.</summary>
    public IReadOnlyList<int>? Blocks { get; init; }
    /// <summary>Training pictures a class, chosen by the recipe's seed; null takes all.</summary>
    public int? PerClass { get; init; }
    /// <summary>Average logits over all views and draws of the store at the test.</summary>
    public bool AverageLooks { get; init; }
}

/// <summary>A store of features to a trained head and its accuracy on the test pictures, which have no part in any choice.</summary>
public static class TrainHead
{
    public const string HeadFileName = "head.safetensors", ResultFile = "result.json";

    /// <param name="folder">Receives the head, result.json, metrics.jsonl and, until it is done, the state of the run.</param>
    /// <exception cref="FeatureStoreException">The store lacks what the head needs, or labels, or a split.</exception>
    public static HeadResult Run(FeatureStore store, TrainHeadRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        var inputs = Inputs(store, request);
        var (recipe, train, test) = (request.Recipe, TrainRows(store, request), Rows(store, "test", PictureSplit.Test));
        Directory.CreateDirectory(folder);
        var training = new HeadTraining(store, inputs, recipe, report, cancellation);
        var (tried, chosen, choice) = Choose(store, inputs, recipe, training, train, cancellation);

        HeadResult? result = null;
        training.Run([chosen], train, recipe.Epochs, Path.Combine(folder, "run"), (_, logits, tensors) =>
        {
            var accuracy = HeadTraining.Evaluate(store, inputs, test, logits, request.AverageLooks, cancellation);
            result = new()
            {
                Kind = inputs.Head.Kind,
                Test = Score.Of(accuracy, store.Manifest.ClassNames),
                Parameters = inputs.Head.ParameterCount(),
                Candidates = tried,
                Chosen = tried.FirstOrDefault(c => (c.LearningRate, c.WeightDecay) == (chosen.LearningRate, chosen.WeightDecay)),
                TrainPictures = train.Length,
                Choice = choice,
                Splits = store.Manifest.Splits,
                Recipe = recipe.ToJson(),
                Head = inputs.Head.ToJson(),
                Features = store.Manifest.How.DeepClone(),
                AveragedLooks = request.AverageLooks ? store.Request.Views * store.Request.Draws : 1,
            };
            TrainedHead.Write(Path.Combine(folder, HeadFileName), inputs, tensors, store.Request, store.Manifest.How["model"]!, store.Manifest.ClassNames,
                new JsonObject { ["recipe"] = recipe.ToJson(), ["data"] = store.Manifest.How["data"]!.DeepClone(), ["trainPictures"] = train.Length });
        });
        result!.Write(Path.Combine(folder, ResultFile));
        KeepMetrics(folder);
        return result;
    }

    /// <summary>The head completed for a store's maps.</summary>
    public static HeadInputs Inputs(FeatureStore store, TrainHeadRequest request)
    {
        var classes = store.Manifest.ClassNames.Count;
        if (classes < 2)
        {
            throw new FeatureStoreException($"{store.Folder} has {classes} classes; a classifier needs at least 2. Put the pictures into one folder a class and extract again.");
        }
        return HeadInputs.Choose(request.Head, request.T ?? store.Request.T, request.Blocks ?? store.Request.Blocks, classes, store.Request.Pools, store.Shape, block => Side(store, block));
    }

    /// <summary>The shorter side of a block's whole map, from what the manifest says of the net.</summary>
    static int Side(FeatureStore store, int block)
    {
        var flags = System.Text.Json.JsonSerializer.SerializeToElement(store.Manifest.How["model"]!["unet"]);
        var layout = new Models.UNetLayout(Models.UNetConfig.Parse(flags, store.Folder));
        return Math.Min(store.Request.Height, store.Request.Width) / layout.Blocks[block - 1].OutStride;
    }

    static int[] Rows(FeatureStore store, string what, params PictureSplit[] splits) => store.RowsOf(splits) is { Length: > 0 } rows ? rows
        : throw new FeatureStoreException($"{store.Folder} has no {what} pictures; extract labelled pictures with a {what} part");

    static int[] TrainRows(FeatureStore store, TrainHeadRequest request)
    {
        var all = Rows(store, "training", PictureSplit.Train);
        if (request.PerClass is not { } most)
        {
            return all;
        }
        return [.. all.GroupBy(row => store.Labels[row]).SelectMany(rows => rows.OrderBy(row => Seeds.Of(request.Recipe.Seed, (ulong)row, purpose: 8)).Take(most)).Order()];
    }

    static (IReadOnlyList<CandidateLine>, GridCandidate, string) Choose(FeatureStore store, HeadInputs inputs, HeadRecipe recipe, HeadTraining training, int[] train, CancellationToken cancellation)
    {
        var candidates = recipe.Candidates;
        if (candidates.Count == 1)
        {
            return ([], candidates[0], "The recipe names one learning rate and weight decay; nothing was chosen.");
        }
        var (fit, held, where) = HoldOut(store, recipe, train);
        if (held.Length == 0)
        {
            throw new FeatureStoreException($"{store.Folder}: no class has two training pictures, so none can be held out to choose among {candidates.Count} settings. Give one --lr and one --decay.");
        }
        var isGrid = inputs.Head is LinearConfig { Hidden.Count: 0 };
        var epochs = isGrid ? recipe.Epochs : Math.Max(2, recipe.Epochs / 3);              // others are trained one by one
        var lines = new CandidateLine[candidates.Count];
        training.Run(candidates, fit, epochs, folder: null, (i, logits, _) =>
            lines[i] = new(candidates[i].LearningRate, candidates[i].WeightDecay, HeadTraining.Evaluate(store, inputs, held, logits, cancellation: cancellation).Top1));
        var best = Enumerable.Range(0, lines.Length).MaxBy(i => lines[i].HeldOutAccuracy);
        return (lines, candidates[best], string.Create(CultureInfo.InvariantCulture,
            $"Learning rate and weight decay are the best of {candidates.Count} after {epochs} epochs on {held.Length} {where}; the head was then trained on all {train.Length} training pictures, and the test pictures were used once, at the end."));
    }

    static (int[] Fit, int[] Held, string Where) HoldOut(FeatureStore store, HeadRecipe recipe, int[] train)
    {
        if (store.RowsOf(PictureSplit.Validation) is { Length: > 0 } validation)
        {
            return (train, validation, "pictures of the validation part");
        }
        int[] held = [.. train.GroupBy(row => store.Labels[row]).SelectMany(rows =>
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
    }
}
