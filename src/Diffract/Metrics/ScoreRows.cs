using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>Rows of class scores: reading them, and the one rule by which classes rank.</summary>
static class ScoreRows
{
    const long BlockElements = 1 << 20;

    public delegate void Block(long firstRow, ReadOnlySpan<double> scores);

    /// <summary>Labels as a checked array, one a row of the scores.</summary>
    public static long[] Labels(Tensor scores, Tensor labels, int classes)
    {
        if (scores.Dimensions != 2 || scores.Size(1) != classes || labels.Dimensions != 1 || labels.Size(0) != scores.Size(0) || labels.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"scores {scores} and labels {labels}: expected (N, {(classes > 0 ? classes : "classes")}) and (N) integers");
        }
        var values = labels.ToArray<long>();
        Check(values, classes);
        return values;
    }

    public static void Check(ReadOnlySpan<long> labels, int classes)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0 || labels[i] >= classes) { throw new ArgumentException($"label {i} is {labels[i]}: with {classes} classes, expected 0 to {classes - 1}"); }
        }
    }

    /// <summary>Hands out the rows as doubles in the host's memory, some at a time.</summary>
    public static void ForEachBlock(Tensor scores, Block block)
    {
        var (rows, classes) = (scores.Size(0), Math.Max(1, scores.Size(1)));
        var step = Math.Max(1, BlockElements / classes);
        for (var first = 0L; first < rows; first += step)
        {
            using var scope = new TensorScope();
            block(first, scores.Detach().Narrow(0, first, Math.Min(step, rows - first)).ToArray<double>());
        }
    }

    /// <summary>
    /// How many classes rank before the label: those of a higher score, and those of the same score and a lower index.
    /// Where the scores decide nothing, the rank is int.MaxValue and <paramref name="predicted"/> -1.
    /// </summary>
    public static int Rank(ReadOnlySpan<double> scores, int label, out int predicted)
    {
        var (rank, best, own) = (0, 0, scores[label]);
        for (var j = 0; j < scores.Length; j++)
        {
            var score = scores[j];
            if (double.IsNaN(score) || double.IsPositiveInfinity(score)) { predicted = -1; return int.MaxValue; }
            if (score > scores[best]) { best = j; }
            if (score > own || score == own && j < label) { rank++; }
        }
        predicted = double.IsNegativeInfinity(scores[best]) ? -1 : best;
        return predicted < 0 ? int.MaxValue : rank;
    }

    /// <summary>-log softmax(logits)[label].</summary>
    public static double CrossEntropy(ReadOnlySpan<double> logits, int label, double largest)
    {
        var sum = 0.0;
        foreach (var logit in logits) { sum += Math.Exp(logit - largest); }
        return Math.Log(sum) + largest - logits[label];
    }
}
