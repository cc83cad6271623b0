using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>Counts of one vote. <paramref name="K"/> is the number of neighbours that voted.</summary>
public sealed record KnnScore(int K, Votes Votes, Accuracy Accuracy);

/// <summary>
/// Classification by the k nearest neighbours under cosine similarity, searched exactly: the neighbours are those of the similarities in
/// float64, of equal ones the lower index first. A weighted vote is exp(cosine / T), a majority vote is 1; of classes with equal votes the
/// lower index ranks first, also among the five of top-5. No figure depends on <see cref="Memory"/>, on the device or on which test
/// pictures are asked for together.
/// </summary>
public sealed record Knn
{
    /// <summary>Lowest temperature: exp(1 / T) must stay finite.</summary>
    public const double LowestTemperature = 0.002;

    /// <summary>The k, each &gt;= 1. One above the number of training pictures takes them all.</summary>
    public IReadOnlyList<int> K { get; init; } = [20, 200];

    /// <summary>T of the weights exp(s / T), &gt;= 0.002. 0.07 as in Wu et al. 2018.</summary>
    public double Temperature { get; init; } = 0.07;

    /// <summary>Working memory in bytes, beside the features: a goal, kept down to blocks of a row.</summary>
    public long Memory { get; init; } = 128L << 20;

    /// <summary>Where the products are computed; the features stay in the host's memory.</summary>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Classifies all test pictures by each k and each way to vote.</summary>
    /// <param name="train">(N, D), floating point; contiguous float32 in the host's memory is used without a copy.</param> <param name="trainLabels">(N) integers.</param>
    /// <param name="test">(M, D).</param> <param name="testLabels">(M) integers.</param>
    /// <param name="done">Told the number of test pictures done, now and then.</param>
    /// <returns>For each k, weighted then majority.</returns>
    /// <exception cref="ArgumentException">Shapes do not fit, a label is out of range, a feature is not finite, or a setting is out of its range.</exception>
    public IReadOnlyList<KnnScore> Evaluate(Tensor train, Tensor trainLabels, Tensor test, Tensor testLabels, int classes, Action<long>? done = null, CancellationToken cancel = default)
    {
        using var scope = new TensorScope();
        var (known, wanted) = (Labels("train", train, trainLabels), Labels("test", test, testLabels));
        return Evaluate(FeatureRows.Of("train", train), known, FeatureRows.Of("test", test), wanted, classes, done, cancel);
    }

    /// <summary>As the other form, for rows that are read as they are needed: memory stays within <see cref="Memory"/>, whatever their number.</summary>
    /// <inheritdoc cref="Evaluate(Tensor, Tensor, Tensor, Tensor, int, Action{long}?, CancellationToken)"/>
    public IReadOnlyList<KnnScore> Evaluate(FeatureRows train, long[] trainLabels, FeatureRows test, long[] testLabels, int classes, Action<long>? done = null, CancellationToken cancel = default)
    {
        foreach (var (name, rows, labels) in new[] { ("train", train, trainLabels), ("test", test, testLabels) })
        {
            if (rows.Count != labels.Length) { throw new ArgumentException($"{name}: {rows.Count} rows and {labels.Length} labels; expected one a row"); }
            ScoreRows.Check(labels, classes);
        }
        List<KnnScore> scores = [];
        foreach (var k in K.Select(k => Math.Min(k, train.Count)).Distinct())
        {
            scores.Add(new(k, Votes.Weighted, new Accuracy(classes) { Outcomes = new() }));
            scores.Add(new(k, Votes.Majority, new Accuracy(classes) { Outcomes = new() }));
        }
        var most = (int)Math.Clamp(Memory / 4 / (8L * classes), 1, int.MaxValue);          // test pictures whose votes are in memory at once
        Search(train, test, found =>
        {
            foreach (var part in found.Parts(most))
            {
                foreach (var score in scores)
                {
                    score.Accuracy.AddVotes(part.Scores(trainLabels, classes, score.K, score.Votes, Temperature), testLabels.AsSpan(part.First, part.Count));
                }
            }
            done?.Invoke(found.First + found.Count);
        }, cancel);
        return scores;
    }

    /// <summary>The neighbours of all test pictures, as many as the largest k.</summary>
    /// <inheritdoc cref="Evaluate(Tensor, Tensor, Tensor, Tensor, int, Action{long}?, CancellationToken)"/>
    public Neighbours Nearest(Tensor train, Tensor test, CancellationToken cancel = default)
    {
        using var scope = new TensorScope();
        List<Neighbours> parts = [];
        Search(FeatureRows.Of("train", train), FeatureRows.Of("test", test), parts.Add, cancel);
        return new(0, parts.Sum(p => p.Count), parts.Count == 0 ? 0 : parts[0].K, [.. parts.SelectMany(p => p.Indices)], [.. parts.SelectMany(p => p.Similarities)]);
    }

    /// <summary>Hands out the neighbours of the test pictures some at a time, in order: for any number of pictures.</summary>
    /// <inheritdoc cref="Evaluate(Tensor, Tensor, Tensor, Tensor, int, Action{long}?, CancellationToken)"/>
    public void Search(FeatureRows train, FeatureRows test, Action<Neighbours> found, CancellationToken cancel = default)
    {
        if (K.Count == 0 || K.Any(k => k < 1)) { throw new ArgumentException($"k = [{string.Join(", ", K)}]: expected numbers of 1 or more"); }
        if (!(Temperature >= LowestTemperature && double.IsFinite(Temperature))) { throw new ArgumentException($"temperature {Temperature}: expected {LowestTemperature} or more, and finite"); }
        if (train.Width != test.Width || train.Count == 0) { throw new ArgumentException($"train ({train.Count}, {train.Width}), test ({test.Count}, {test.Width}): expected (N, D) and (M, D) with the same D and N > 0"); }
        using var scope = new TensorScope();
        using var noGradients = GradMode.Off();
        new NeighbourSearch(train, test, Math.Min(K.Max(), train.Count), Memory, Device).Run(found, cancel);
    }

    static long[] Labels(string name, Tensor features, Tensor labels) =>
        labels.Dimensions == 1 && features.Dimensions == 2 && labels.Size(0) == features.Size(0) && !labels.DType.IsFloatingPoint() ? labels.ToArray<long>()
            : throw new ArgumentException($"{name} features {features}, labels {labels}: expected (N, D) and (N) integers");
}
