namespace Diffract.Metrics;

/// <summary>Two classifiers on the same pictures: how many both, one alone, or neither got right.</summary>
/// <remarks>
/// Far sharper than two separate intervals, since what is hard for one picture is hard for both: only pictures on which the
/// classifiers differ carry weight.
/// </remarks>
public sealed record PairedComparison(long Both, long OnlyFirst, long OnlySecond, long Neither)
{
    /// <param name="first">For each picture whether the first classifier was right.</param> <param name="second">The same pictures in the same order.</param>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static PairedComparison Of(ReadOnlySpan<bool> first, ReadOnlySpan<bool> second)
    {
        if (first.Length != second.Length) { throw new ArgumentException($"{first.Length} results against {second.Length}: both classifiers must have seen the same pictures"); }
        Span<long> counts = stackalloc long[4];
        for (var i = 0; i < first.Length; i++) { counts[(first[i] ? 2 : 0) + (second[i] ? 1 : 0)]++; }
        return new(counts[3], counts[2], counts[1], counts[0]);
    }

    public long Pictures => Both + OnlyFirst + OnlySecond + Neither;

    /// <summary>Accuracy of the first less that of the second; 0 where there are no pictures.</summary>
    public double Difference => Pictures == 0 ? 0 : (double)(OnlyFirst - OnlySecond) / Pictures;

    /// <summary>95 % interval of <see cref="Difference"/>: Wald's for paired shares with 1/2 added to each of the four counts.</summary>
    /// <remarks>Agresti and Min 2005.</remarks>
    public Interval Interval
    {
        get
        {
            var (n, b, c) = (Pictures + 2.0, OnlyFirst + 0.5, OnlySecond + 0.5);
            var difference = (b - c) / n;
            var half = Interval.Z95 * Math.Sqrt(b + c - (b - c) * (b - c) / n) / n;
            return new(Math.Max(-1, difference - half), Math.Min(1, difference + half));
        }
    }

    /// <summary>
    /// McNemar's exact test, two-sided: how probable a split of the differing pictures at least this uneven would be if the classifiers were
    /// equally good, 2 P(Binomial(b + c, 1/2) &lt;= min(b, c)), at most 1.
    /// </summary>
    public double PValue
    {
        get
        {
            var (n, few) = (OnlyFirst + OnlySecond, Math.Min(OnlyFirst, OnlySecond));
            if (2 * few >= n - 1) { return 1; }
            var log = -n * Math.Log(2);                                 // of the probability of `few` in n
            for (var i = 1L; i <= few; i++) { log += Math.Log((double)(n - few + i) / i); }
            var (sum, term) = (1.0, 1.0);                               // in units of that probability, downwards
            for (var k = few; k > 0 && term > 1e-18; k--) { sum += term *= (double)k / (n - k + 1); }
            return Math.Min(1, 2 * Math.Exp(log) * sum);
        }
    }
}
