using System.Globalization;
using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>Counts of one class: pictures of it, those recognised, and those with it among the k best.</summary>
public sealed record ClassScore(long Pictures, long Hits, long HitsTopK)
{
    /// <summary>NaN where the class has no pictures.</summary>
    public double Accuracy => (double)Hits / Pictures;

    /// <summary>95 %, Wilson.</summary>
    public Interval Interval => Interval.Wilson(Hits, Pictures);
}

/// <summary>
/// Exact counts of a classifier's hits, added up over batches; neither their order nor their sizes change any figure.
/// A class of the same score as another ranks before it where its index is lower. A picture whose scores hold NaN or plus infinity, or
/// are all minus infinity, is undecided: a miss in every count and in no column of the confusion matrix.
/// </summary>
public sealed class Accuracy
{
    const int MostClasses = 10_000;
    const double LossUnit = 1.0 / (1L << 40); // losses are summed as integers of this unit, so that the order cannot matter

    readonly long[,] _confusion;
    readonly long[] _pictures, _hitsTopK;
    Int128 _loss;
    long _losses, _infiniteLosses;

    /// <param name="k">For top-k; where there are fewer classes, their number.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not 1 &lt;= classes &lt;= 10,000, or k &lt; 1.</exception>
    public Accuracy(int classes, int k = 5)
    {
        if (classes is < 1 or > MostClasses) { throw new ArgumentOutOfRangeException(nameof(classes), classes, $"expected 1 to {MostClasses} classes"); }
        if (k < 1) { throw new ArgumentOutOfRangeException(nameof(k), k, "expected 1 or more"); }
        (Classes, K) = (classes, Math.Min(k, classes));
        (_confusion, _pictures, _hitsTopK) = (new long[classes, classes], new long[classes], new long[classes]);
    }

    public int Classes { get; }

    /// <summary>Where each picture's outcome is noted, in the order of the pictures; null notes none.</summary>
    public Outcomes? Outcomes { get; init; }

    /// <summary>The k of top-k: 5, or the number of classes where that is less.</summary>
    public int K { get; }

    /// <summary>Pictures counted.</summary>
    public long Pictures => _pictures.Sum();

    /// <summary>Pictures whose label had the highest score.</summary>
    public long Hits => Enumerable.Range(0, Classes).Sum(c => _confusion[c, c]);

    /// <summary>Pictures whose label was among the k highest scores.</summary>
    public long HitsTopK => _hitsTopK.Sum();

    /// <summary>Pictures without a prediction; more than none means that the classifier has diverged.</summary>
    public long Undecided { get; private set; }

    /// <summary>Hits / pictures; NaN where there are no pictures.</summary>
    public double Top1 => (double)Hits / Pictures;

    /// <summary>NaN where there are no pictures.</summary>
    public double TopK => (double)HitsTopK / Pictures;

    /// <summary>95 % interval of <see cref="Top1"/>, Wilson.</summary>
    public Interval Top1Interval => Interval.Wilson(Hits, Pictures);

    /// <summary>95 % interval of <see cref="TopK"/>, Wilson.</summary>
    public Interval TopKInterval => Interval.Wilson(HitsTopK, Pictures);

    /// <summary>Mean of the classes' accuracies over those that have pictures.</summary>
    public double MeanClassAccuracy => PerClass.Where(c => c.Pictures > 0).Select(c => c.Accuracy).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Mean of -log softmax(logits)[label] in nats, to 1e-12; infinite or NaN where a picture's is; null where votes, not logits, were added.</summary>
    public double? CrossEntropy => _losses + _infiniteLosses + Undecided < Pictures ? null
        : _losses + _infiniteLosses < Pictures || Pictures == 0 ? double.NaN
        : _infiniteLosses > 0 ? double.PositiveInfinity
        : (double)_loss * LossUnit / _losses;

    /// <summary>By class index.</summary>
    public IReadOnlyList<ClassScore> PerClass => [.. Enumerable.Range(0, Classes).Select(c => new ClassScore(_pictures[c], _confusion[c, c], _hitsTopK[c]))];

    /// <summary>A copy, (classes, classes): rows are labels, columns predictions.</summary>
    public long[,] Confusion() => (long[,])_confusion.Clone();

    /// <param name="logits">(N, classes).</param> <param name="labels">(N), integers, 0 &lt;= label &lt; classes.</param>
    /// <exception cref="ArgumentException">Shapes do not fit, or a label is out of range; nothing of the batch is then counted.</exception>
    public void Add(Tensor logits, Tensor labels)
    {
        var values = ScoreRows.Labels(logits, labels, Classes);
        ScoreRows.ForEachBlock(logits, (first, scores) => Count(scores, values.AsSpan((int)first, scores.Length / Classes), areLogits: true));
    }

    /// <summary>As <see cref="Add(Tensor, Tensor)"/>, for scores whose order alone has a meaning, such as votes: no cross entropy.</summary>
    /// <param name="scores">(N, classes), row-major.</param> <param name="labels">N of them.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, or a label is out of range.</exception>
    public void AddVotes(ReadOnlySpan<double> scores, ReadOnlySpan<long> labels)
    {
        if (scores.Length != (long)labels.Length * Classes) { throw new ArgumentException($"{scores.Length} scores for {labels.Length} pictures of {Classes} classes: expected {(long)labels.Length * Classes}"); }
        ScoreRows.Check(labels, Classes);
        Count(scores, labels, areLogits: false);
    }

    /// <summary>Adds the counts of another part of the same test set.</summary>
    /// <exception cref="ArgumentException">It has other classes or another k.</exception>
    public void Add(Accuracy other)
    {
        if (other.Classes != Classes || other.K != K) { throw new ArgumentException($"counts of {other.Classes} classes, top-{other.K}, cannot be added to those of {Classes}, top-{K}"); }
        for (var i = 0; i < Classes; i++)
        {
            _pictures[i] += other._pictures[i];
            _hitsTopK[i] += other._hitsTopK[i];
            for (var j = 0; j < Classes; j++) { _confusion[i, j] += other._confusion[i, j]; }
        }
        if (other.Outcomes is { } outcomes) { Outcomes?.Add(outcomes); }
        (_loss, _losses, _infiniteLosses, Undecided) = (_loss + other._loss, _losses + other._losses, _infiniteLosses + other._infiniteLosses, Undecided + other.Undecided);
    }

    /// <summary>For each picture whether its label had the highest score: what <see cref="PairedComparison"/> takes.</summary>
    /// <inheritdoc cref="Add(Tensor, Tensor)"/>
    public static bool[] HitsOf(Tensor logits, Tensor labels)
    {
        var classes = logits.Dimensions == 2 ? (int)logits.Size(1) : 0;
        var values = ScoreRows.Labels(logits, labels, classes);
        var hits = new bool[values.Length];
        ScoreRows.ForEachBlock(logits, (first, scores) =>
        {
            for (var i = 0; i < scores.Length / classes; i++) { hits[first + i] = ScoreRows.Rank(scores.Slice(i * classes, classes), (int)values[first + i], out _) == 0; }
        });
        return hits;
    }

    void Count(ReadOnlySpan<double> scores, ReadOnlySpan<long> labels, bool areLogits)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            var row = scores.Slice(i * Classes, Classes);
            var label = (int)labels[i];
            var rank = ScoreRows.Rank(row, label, out var predicted);
            _pictures[label]++;
            Outcomes?.Add(label, predicted, rank);
            if (predicted < 0) { Undecided++; continue; }
            _confusion[label, predicted]++;
            _hitsTopK[label] += rank < K ? 1 : 0;
            if (areLogits) { AddLoss(ScoreRows.CrossEntropy(row, label, row[predicted])); }
        }
    }

    void AddLoss(double loss)
    {
        if (loss < 1L << 60) { (_loss, _losses) = (_loss + (Int128)Math.Round(loss / LossUnit), _losses + 1); }
        else { _infiniteLosses++; }
    }

    /// <summary>"top-1 87.10 % (84.87 to 89.04), top-5 99.30 %, 1,000 pictures".</summary>
    public override string ToString() => Pictures == 0 ? "no pictures" : string.Create(CultureInfo.InvariantCulture,
        $"top-1 {100 * Top1:0.00} % ({100 * Top1Interval.Low:0.00} to {100 * Top1Interval.High:0.00}), top-{K} {100 * TopK:0.00} %, {Pictures:n0} pictures");
}
