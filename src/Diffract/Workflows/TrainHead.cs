using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>What is to be trained.</summary>
/// <param name="Head">Kind and settings of the head; steps, blocks and classes are filled in.</param>
public sealed record TrainHeadRequest(HeadConfig Head, HeadRecipe Recipe)
{
    /// <summary>A linear head on maps of <paramref name="pool"/> x <paramref name="pool"/>, fitted to its optimum, the penalty chosen on held-out training pictures.</summary>
    public static TrainHeadRequest Linear(int pool = 2) => new(HeadRecipes.Head("default", "linear", pool, channels: 0), HeadRecipes.Get("logistic", attention: false));

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

    /// <inheritdoc cref="Run(HeadSource, TrainHeadRequest, string, Action{Progress}?, CancellationToken)"/>
    public static HeadResult Run(FeatureStore store, TrainHeadRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default) =>
        Run(new StoreSource(store), request, folder, report, cancellation);

    /// <param name="folder">Receives the head, result.json, outcomes.safetensors, metrics.jsonl and, until it is done, the state of the run; also the backbone, where it was trained.</param>
    /// <exception cref="FeatureStoreException">The source lacks what the head needs, or its features are not finite.</exception>
    /// <exception cref="TrainException">A split is empty, a class has no training pictures, the folder holds a result of another backbone or of other pictures, the loss is not finite, or the trained head's outputs are not.</exception>
    public static HeadResult Run(HeadSource source, TrainHeadRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default) =>
        TrainHeads.Run(source, [new("", request)], folder, memory: null, report, cancellation)[0];

    internal static int[] Rows(HeadSource source, string what, params PictureSplit[] splits) => source.RowsOf(splits) is { Length: > 0 } rows ? rows
        : throw new TrainException($"{source.Name} has no labelled {what} pictures. Give it a {what} part, with one folder a class.");

    internal static int[] TrainRows(HeadSource source, TrainHeadRequest request, int[] test)
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
}
