using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Which maps of a store are to be compared by their neighbours, and how.</summary>
public sealed record NeighboursRequest
{
    public Knn Knn { get; init; } = new();
    /// <summary>Steps; null takes the store's.</summary>
    public IReadOnlyList<int>? T { get; init; }
    /// <summary>Blocks; null takes the store's.</summary>
    public IReadOnlyList<int>? Blocks { get; init; }
    /// <summary>Pools; null takes the store's.</summary>
    public IReadOnlyList<int>? Pools { get; init; }
    /// <summary>Compare means over the store's views and draws instead of the first of each.</summary>
    public bool AverageLooks { get; init; }
    /// <summary>
    /// Ask for held-out training pictures among the other training pictures, and leave the test pictures alone: for choosing t, block, pool and k.
    /// </summary>
    public bool OnHeldOut { get; init; }
    /// <summary>Share of each class's training pictures that is held out, where the data has no validation part.</summary>
    public double HeldOutShare { get; init; } = 0.15;
    /// <summary>Of the part that is held out.</summary>
    public ulong Seed { get; init; }

    /// <summary>The maps meant, by step, block, pool.</summary>
    public IEnumerable<FeatureName> Names(FeatureRequest store) => from t in T ?? store.T from block in Blocks ?? store.Blocks from pool in Pools ?? store.Pools select new FeatureName(t, block, pool);
}

/// <summary>The k nearest neighbours' score of one map.</summary>
public sealed record NeighboursCell(FeatureName Name, KnnScore Score);

/// <summary>k nearest neighbours of a store's test rows among its training rows: a score of the features with nothing trained. Rows are read from the store as they are needed.</summary>
public static class NearestNeighbours
{
    /// <param name="name">The map, flattened; its first view and draw are used unless it says otherwise.</param>
    /// <exception cref="FeatureStoreException">The store lacks the map, labels or a split.</exception>
    public static IReadOnlyList<KnnScore> Run(FeatureStore store, FeatureName name, Knn knn, CancellationToken cancellation = default)
    {
        var (train, test) = Rows(store, new());
        return Evaluate(store, name, new() { Knn = knn }, train, test, null, cancellation);
    }

    /// <summary>Every map asked for, every k, both ways to vote.</summary>
    /// <param name="folder">Receives result.json, and outcomes.safetensors where one map and one k was asked for; null writes nothing.</param>
    /// <exception cref="FeatureStoreException">The store lacks a map, labels or a split.</exception>
    public static NeighboursResult Run(FeatureStore store, NeighboursRequest request, string? folder = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var (train, test) = Rows(store, request);
        FeatureName[] names = [.. request.Names(store.Request)];
        foreach (var name in names)
        {
            _ = store.Shape(name);                                                         // refused before anything is computed
        }
        if (folder is not null) { CheckFolder(folder, store); }
        using var claim = folder is null ? null : OutputFolder.Claim(folder);
        var meter = new ProgressMeter("knn", "pictures", 0, (long)names.Length * test.Length, report);
        List<NeighboursCell> cells = [];
        for (var i = 0; i < names.Length; i++)
        {
            var before = (long)i * test.Length;
            cells.AddRange(Evaluate(store, names[i], request, train, test, done => meter.Report(before + done, $"t {names[i].T}, block {names[i].Block}"), cancellation).Select(score => new NeighboursCell(names[i], score)));
        }
        string? OutcomesFile(NeighboursCell cell) => folder is not null && names.Length == 1 ? FormattableString.Invariant($"outcomes-k{cell.Score.K}-{cell.Score.Votes}.safetensors").ToLowerInvariant() : null;
        var result = NeighboursResult.Of(store, request, train, test, cells, OutcomesFile);
        if (folder is not null)
        {
            foreach (var cell in cells.Where(cell => OutcomesFile(cell) is not null))      // of one map, picture by picture
            {
                PictureOutcomes.Of(store, test, cell.Score.Accuracy.Outcomes!).Write(Path.Combine(folder, OutcomesFile(cell)!));
            }
            result.Write(Path.Combine(folder, TrainHead.ResultFile));
        }
        return result;
    }

    // Results of something else are not written over; those of the same features are what this makes.
    static void CheckFolder(string folder, FeatureStore store)
    {
        var file = Path.Combine(folder, TrainHead.ResultFile);
        var what = File.Exists(Path.Combine(folder, StoreManifest.File)) ? "is a feature store" : !File.Exists(file) || IsOfSame(file, store) ? null : $"holds another result, {TrainHead.ResultFile}";
        if (what is not null) { throw new FeatureStoreException($"{folder} {what}. Choose another --out."); }
    }

    static bool IsOfSame(string file, FeatureStore store)
    {
        try
        {
            var (there, here) = (JsonNode.Parse(File.ReadAllBytes(file)), store.Manifest.How);
            return (string?)there?["kind"] == "knn" && new[] { "model", "data" }.All(part => JsonNode.DeepEquals(there["features"]?[part], here[part]));
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Rows that are known and rows that are asked for.</summary>
    static (int[] Train, int[] Test) Rows(FeatureStore store, NeighboursRequest request)
    {
        var (train, test) = (store.RowsOf(PictureSplit.Train), store.RowsOf(PictureSplit.Test));
        if (request.OnHeldOut)
        {
            var parts = HeldOut.Of(new StoreSource(store), train, request.HeldOutShare, request.Seed);
            (train, test) = (parts.Fit, parts.Held);
        }
        return train.Length > 0 && test.Length > 0 ? (train, test)
            : throw new FeatureStoreException($"{store.Folder} has {train.Length} training and {test.Length} {(request.OnHeldOut ? "held-out" : "test")} rows; neighbours need both");
    }

    static IReadOnlyList<KnnScore> Evaluate(FeatureStore store, FeatureName name, NeighboursRequest request, int[] train, int[] test, Action<long>? done, CancellationToken cancellation) =>
        request.Knn.Evaluate(Features("training", store, name, train, request.AverageLooks), Labels(store, train), Features("test", store, name, test, request.AverageLooks), Labels(store, test),
            store.Manifest.ClassNames.Count, done, cancellation);

    static FeatureRows Features(string what, FeatureStore store, FeatureName name, int[] rows, bool average)
    {
        var width = checked((int)store.Shape(name).Aggregate(1L, (a, b) => a * b));
        FeatureName[] looks = average ? [.. from view in Enumerable.Range(0, store.Request.Views) from draw in Enumerable.Range(0, store.Request.Draws) select name with { View = view, Draw = draw }] : [name];
        return new(string.Create(CultureInfo.InvariantCulture, $"{store.Folder}, t {name.T}, block {name.Block}, {what}"), rows.Length, width, (first, count, into) =>
        {
            for (var i = 0; i < count; i++)
            {
                Mean(store, looks, rows[first + i], into.Slice(i * width, width));
            }
        }, row => store.ReadRows().ElementAt(rows[row]).File);
    }

    static void Mean(FeatureStore store, FeatureName[] looks, int row, Span<float> into)
    {
        store.Read(looks[0], row, into);
        if (looks.Length == 1)
        {
            return;
        }
        var other = new float[into.Length];
        foreach (var look in looks.AsSpan(1))
        {
            store.Read(look, row, other);
            for (var i = 0; i < other.Length; i++)
            {
                into[i] += other[i];
            }
        }
        for (var i = 0; i < into.Length; i++)
        {
            into[i] /= looks.Length;
        }
    }

    static long[] Labels(FeatureStore store, int[] rows) => [.. rows.Select(row => store.Labels[row])];
}
