namespace Diffract.Metrics;

/// <summary>How neighbours vote for their class.</summary>
public enum Votes
{
    /// <summary>Each with exp(cosine / temperature).</summary>
    Weighted,
    /// <summary>Each with 1.</summary>
    Majority,
}

/// <summary>The k most similar training pictures of some test pictures, the nearest first; of equal similarity, the lower index first.</summary>
/// <param name="First">Index of the first test picture.</param> <param name="Count">Test pictures.</param> <param name="K">Neighbours of each.</param>
/// <param name="Indices">(Count, K), row-major: indices of training pictures.</param> <param name="Similarities">(Count, K): cosines.</param>
public sealed record Neighbours(int First, int Count, int K, int[] Indices, double[] Similarities)
{
    /// <summary>The same in parts of at most so many test pictures.</summary>
    public IEnumerable<Neighbours> Parts(int most)
    {
        for (var first = 0; first < Count; first += most)
        {
            var count = Math.Min(most, Count - first);
            yield return count == Count ? this : new(First + first, count, K, Indices[(first * K)..((first + count) * K)], Similarities[(first * K)..((first + count) * K)]);
        }
    }

    /// <summary>What the classes are given by the k nearest.</summary>
    /// <param name="trainLabels">By index of the training picture, 0 &lt;= label &lt; classes.</param> <param name="k">At most <see cref="K"/>.</param>
    /// <param name="temperature">For <see cref="Votes.Weighted"/>.</param> <returns>(Count, classes), row-major.</returns>
    public double[] Scores(ReadOnlySpan<long> trainLabels, int classes, int k, Votes votes, double temperature = 0.07)
    {
        if (k < 1 || k > K) { throw new ArgumentOutOfRangeException(nameof(k), k, $"expected 1 to {K}"); }
        var scores = new double[checked(Count * classes)];
        for (var i = 0; i < Count; i++)
        {
            for (var n = i * K; n < i * K + k; n++)
            {
                scores[i * classes + trainLabels[Indices[n]]] += votes == Votes.Majority ? 1 : Math.Exp(Similarities[n] / temperature);
            }
        }
        return scores;
    }
}
