using System.Globalization;
using Diffract.Metrics;

namespace Diffract.Reports;

/// <summary>Numbers as people read them, the same in every culture; what is not a number is a dash.</summary>
public static class Numbers
{
    const string Dash = "\u2013", Space = "\u00a0"; // no line break before the sign

    /// <summary>0.871 as "87.1 %".</summary>
    public static string Percent(double share, int decimals = 1) => double.IsFinite(share) ? Fixed(100 * share, decimals) + Space + "%" : Dash;

    /// <summary>"87.1 % (84.9–89.0)".</summary>
    public static string Percent(double share, Interval interval, int decimals = 1) => double.IsFinite(share)
        ? $"{Percent(share, decimals)} ({Fixed(100 * interval.Low, decimals)}{Dash}{Fixed(100 * interval.High, decimals)})" : Dash;

    /// <summary>12345 as "12,345".</summary>
    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>So many decimals, with commas between thousands.</summary>
    public static string Fixed(double value, int decimals) => !double.IsFinite(value) ? Dash
        : Math.Abs(value) >= 1e15 ? Significant(value, decimals + 1) : value.ToString("#,0." + new string('0', Math.Max(0, decimals)), CultureInfo.InvariantCulture);

    /// <summary>So many significant digits: "0.0312", "1.5e-7".</summary>
    public static string Significant(double value, int digits = 4)
    {
        if (!double.IsFinite(value)) { return Dash; }
        if (value == 0) { return "0"; }
        var exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return exponent is < -4 or > 6
            ? value.ToString("0." + new string('#', Math.Max(0, digits - 1)) + "e+0", CultureInfo.InvariantCulture).Replace("e+", "e")
            : value.ToString("#,0." + new string('#', Math.Max(0, digits - 1 - exponent)), CultureInfo.InvariantCulture);
    }
}
