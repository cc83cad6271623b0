using System.Globalization;

namespace Diffract.Metrics;

/// <summary>A range that holds an unknown share with a stated confidence, here 95 %.</summary>
public readonly record struct Interval(double Low, double High)
{
    /// <summary>The normal distribution's quantile of 97.5 %.</summary>
    public const double Z95 = 1.959963984540054;

    /// <summary>
    /// Wilson's score interval of a share p = hits / trials:
    /// (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n). It stays within 0 and 1, also where all or none hit.
    /// </summary>
    /// <param name="trials">n; 0 gives (0, 1).</param> <param name="z">Standard deviations to each side.</param>
    /// <exception cref="ArgumentException">Not 0 &lt;= hits &lt;= trials.</exception>
    /// <remarks>E. B. Wilson 1927. It speaks of the choice of test pictures, not of seeds or training.</remarks>
    public static Interval Wilson(long hits, long trials, double z = Z95)
    {
        if (hits < 0 || hits > trials) { throw new ArgumentException($"{hits} hits in {trials} trials: expected 0 <= hits <= trials"); }
        if (trials == 0) { return new(0, 1); }
        var (n, p) = ((double)trials, (double)hits / trials);
        var middle = p + z * z / (2 * n);
        var half = z * Math.Sqrt(p * (1 - p) / n + z * z / (4 * n * n));
        var scale = 1 + z * z / n;
        return new(hits == 0 ? 0 : (middle - half) / scale, hits == trials ? 1 : (middle + half) / scale);
    }

    public bool Holds(double value) => Low <= value && value <= High;

    /// <summary>"0.8420 to 0.8960".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Low:0.0000} to {High:0.0000}");
}
