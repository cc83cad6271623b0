using System.Globalization;

namespace Diffract.Reports;

/// <summary>How an axis maps values to lengths.</summary>
public enum Scale
{
    Linear,
    /// <summary>Equal ratios are equal lengths; values of 0 or below are left out.</summary>
    Log,
}

/// <summary>How numbers are written.</summary>
public enum NumberStyle
{
    Plain,
    /// <summary>0.5 as 50 %.</summary>
    Percent,
}

/// <summary>A mark of an axis.</summary>
readonly record struct Tick(double Value, string Label);

/// <summary>Values to places along a line, with round marks.</summary>
sealed class Axis
{
    const double Most = 1e150; // values beyond, and differences below 1 / Most, are not shown: their ratios would overflow
    readonly Scale _scale;
    readonly double _low, _high;

    Axis(Scale scale, double low, double high, Tick[] ticks) => (_scale, _low, _high, Ticks) = (scale, low, high, ticks);

    public Tick[] Ticks { get; }

    /// <summary>Widest label in pixels.</summary>
    public double LabelWidth(double size) => Ticks.Select(tick => TextSize.Of(tick.Label, size)).DefaultIfEmpty(0).Max();

    /// <summary>True for what has a place on an axis of this scale.</summary>
    public static bool Has(Scale scale, double value) => Math.Abs(value) <= Most && (scale == Scale.Linear || value >= 1 / Most);

    /// <summary>0 at the low end, 1 at the high one; beyond for values beyond.</summary>
    public double At(double value) => _scale == Scale.Log
        ? (Math.Log10(value) - Math.Log10(_low)) / (Math.Log10(_high) - Math.Log10(_low))
        : (value - _low) / (_high - _low);

    /// <param name="values">What is to be shown; those without a place on the scale are passed over.</param>
    /// <param name="most">About as many marks at most.</param> <param name="round">Ends the axis on marks, not on the outermost values.</param>
    public static Axis Over(IEnumerable<double> values, Scale scale, NumberStyle style, int most, bool round, double? from = null, double? to = null)
    {
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var value in values.Where(value => Has(scale, value))) { (low, high) = (Math.Min(low, value), Math.Max(high, value)); }
        if (low > high) { (low, high) = scale == Scale.Log ? (0.1, 1) : (0, 1); }
        if (from is { } f && Has(scale, f)) { low = f; }
        if (to is { } t && Has(scale, t)) { high = t; }
        if (low > high) { (low, high) = (high, low); }
        if (high - low <= Math.Max(scale == Scale.Linear ? 1 / Most : 0, 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high)))) { (low, high) = Widened(low, scale); }
        most = Math.Max(2, most);
        return scale == Scale.Log ? Log(low, high, style, most, round, from, to) : Linear(low, high, style, most, round, from, to);
    }

    /// <summary>Marks and labels of both axes: lines across at y's, ticks below at x's.</summary>
    public static void Draw(Drawing drawing, Axis x, Axis y, double left, double right, double top, double bottom, double labelSize)
    {
        foreach (var tick in y.Ticks)
        {
            var at = bottom - y.At(tick.Value) * (bottom - top);
            drawing.Rule(left, at, right, at);
            drawing.Text(left - 8, at + 4, tick.Label, new(labelSize, Anchor.End, Mute: true));
        }
        drawing.Rule(left, bottom, right, bottom, strong: true);
        foreach (var tick in x.Ticks)
        {
            var at = left + x.At(tick.Value) * (right - left);
            drawing.Rule(at, bottom, at, bottom + 4, strong: true);
            drawing.Text(at, bottom + 17, tick.Label, new(labelSize, Anchor.Middle, Mute: true));
        }
    }

    static (double, double) Widened(double value, Scale scale) => scale == Scale.Log ? (value / 2, value * 2)
        : Math.Abs(value) <= 1 / Most ? (0, 1) : (value - Math.Abs(value) / 2, value + Math.Abs(value) / 2);

    static Axis Linear(double low, double high, NumberStyle style, int most, bool round, double? from, double? to)
    {
        var step = Step((high - low) / most);
        if (round)
        {
            low = from.HasValue ? low : Math.Floor(low / step + 1e-9) * step;
            high = to.HasValue ? high : Math.Ceiling(high / step - 1e-9) * step;
        }
        else // a mark that is nearly reached is reached
        {
            var (below, above, near) = (Math.Floor(low / step) * step, Math.Ceiling(high / step) * step, 0.03 * (high - low));
            (low, high) = (low - below < near ? below : low, above - high < near ? above : high);
        }
        var (first, last) = (Math.Ceiling(low / step - 1e-9), Math.Floor(high / step + 1e-9));
        var largest = Math.Max(Math.Abs(low), Math.Abs(high));
        var ticks = new List<Tick>();
        for (var i = first; i <= last && ticks.Count <= 2 * most + 2; i++) { ticks.Add(new(i * step, Label(i * step, step, largest, style))); }
        return new(Scale.Linear, low, high, [.. ticks]);
    }

    static Axis Log(double low, double high, NumberStyle style, int most, bool round, double? from, double? to)
    {
        var decades = Math.Log10(high) - Math.Log10(low);
        if (decades < 0.7) // not even 1-2-5 marks it well
        {
            var linear = Linear(low, high, style, most, round, from, to);
            var kept = linear.Ticks.Where(tick => tick.Value > 0).ToArray();
            return new(Scale.Log, linear._low > 0 ? linear._low : low, linear._high, kept);
        }
        double[] parts = decades * 3 <= most + 1 ? [1, 2, 5] : [1];
        var stride = Math.Max(1, (int)Math.Ceiling(decades * parts.Length / most));
        var marks = new List<double>();
        for (var d = (int)Math.Floor(Math.Log10(low)) - 1; d <= (int)Math.Ceiling(Math.Log10(high)); d++)
        {
            if (parts.Length == 1 && (d % stride + stride) % stride != 0) { continue; }
            marks.AddRange(parts.Select(part => double.Parse(string.Create(CultureInfo.InvariantCulture, $"{part}e{d}"), CultureInfo.InvariantCulture)));
        }
        if (round)
        {
            double[] ends = [.. Enumerable.Range((int)Math.Floor(Math.Log10(low)) - 1, (int)Math.Ceiling(decades) + 4).SelectMany(d => new[] { 1, 2, 5 }.Select(p => p * Math.Pow(10, d)))];
            low = from.HasValue ? low : ends.Where(e => e <= low * (1 + 1e-9)).DefaultIfEmpty(low).Max();
            high = to.HasValue ? high : ends.Where(e => e >= high * (1 - 1e-9)).DefaultIfEmpty(high).Min();
        }
        return new(Scale.Log, low, high, [.. marks.Where(m => m >= low * (1 - 1e-9) && m <= high * (1 + 1e-9)).Select(m => new Tick(m, LogLabel(m, style)))]);
    }

    // The lowest of 1, 2, 5 times a power of ten that is not below.
    static double Step(double least)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        return power * (least <= power * 1.0001 ? 1 : least <= power * 2.0001 ? 2 : least <= power * 5.0001 ? 5 : 10);
    }

    static string Label(double value, double step, double largest, NumberStyle style)
    {
        if (style == NumberStyle.Percent) { return Digits(100 * value, 100 * step) + "\u00a0%"; }
        if (Math.Abs(value) < step / 2 && largest is < 1e-3 or >= 1e4) { return "0"; }
        return largest switch
        {
            < 1e-3 or >= 1e12 => value.ToString("0." + new string('#', 1 + (int)Math.Clamp(Math.Log10(largest / step), 0, 12)) + "e+0", CultureInfo.InvariantCulture).Replace("e+", "e").Replace('-', '\u2212'),
            >= 1e9 => Digits(value / 1e9, step / 1e9) + "G",
            >= 1e6 => Digits(value / 1e6, step / 1e6) + "M",
            >= 1e4 => Digits(value / 1e3, step / 1e3) + "k",
            _ => Digits(value, step),
        };
    }

    static string Digits(double value, double step)
    {
        var decimals = (int)Math.Clamp(-Math.Floor(Math.Log10(step) + 1e-9), 0, 15);
        var rounded = Math.Round(value, decimals) + 0.0; // no minus zero
        return rounded.ToString("0." + new string('0', decimals), CultureInfo.InvariantCulture).Replace('-', '\u2212');
    }

    static string LogLabel(double value, NumberStyle style)
    {
        if (style == NumberStyle.Percent) { return Numbers.Significant(100 * value, 3) + "\u00a0%"; }
        return value switch
        {
            >= 0.00099 and < 999 => Numbers.Significant(value, 3),
            >= 999 and < 999_999 => Numbers.Significant(value / 1e3, 3) + "k",
            >= 999_999 and < 999_999_999 => Numbers.Significant(value / 1e6, 3) + "M",
            _ => Power(value),
        };
    }

    // 2e-5 as "2·10" with a raised -5.
    static string Power(double value)
    {
        var exponent = (int)Math.Floor(Math.Log10(value) + 1e-9);
        var factor = (int)Math.Round(value / Math.Pow(10, exponent));
        var raised = string.Concat(exponent.ToString(CultureInfo.InvariantCulture).Select(c => c == '-' ? '\u207b' : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c - '0']));
        return (factor == 1 ? "" : factor.ToString(CultureInfo.InvariantCulture) + "\u00b7") + "10" + raised;
    }
}
