using Diffract.Metrics;

namespace Diffract.Reports;

/// <summary>A bar. <paramref name="Colour"/> tells kinds of bars apart: bars of one number have one colour.</summary>
public sealed record Bar(string Name, double Value, Interval? Interval = null, int Colour = 0);

/// <summary>A value to compare all bars with, such as chance.</summary>
public sealed record Reference(string Name, double Value);

/// <summary>Horizontal bars with error bars, from top to bottom, and the numbers written beside them.</summary>
public sealed record BarChart
{
    const double Row = 30, Thick = 16, NameSize = 12.5, LabelSize = 11;

    public string Title { get; init; } = "";

    /// <summary>What the bars measure, under the axis.</summary>
    public string Label { get; init; } = "";

    public required IReadOnlyList<Bar> Bars { get; init; }
    public IReadOnlyList<Reference> References { get; init; } = [];
    public NumberStyle Style { get; init; } = NumberStyle.Percent;

    /// <summary>Of the numbers beside the bars, 0 to 6.</summary>
    public int Decimals { get; init; } = 1;

    /// <summary>Pixels, 360 to 4,000.</summary>
    public int Width { get; init; } = 720;

    public Svg Draw()
    {
        var width = Math.Clamp(Width, 360, 4000);
        var names = Bars.Select(bar => TextSize.Shorten(bar.Name, NameSize, 0.4 * width)).ToArray();
        var numbers = Bars.Select(Number).ToArray();
        var left = 12 + names.Select(name => TextSize.Of(name, NameSize)).DefaultIfEmpty(0).Max() + 10;
        var right = width - 16 - numbers.Select(number => TextSize.Of(number, 12)).DefaultIfEmpty(0).Max() - 12;
        double[] values = [0, .. Bars.SelectMany(Ends), .. References.Select(reference => reference.Value)];
        var top1 = Style == NumberStyle.Percent && values.All(value => !(value > 1)) && values.Any(value => value > 0.8) ? 1.0 : (double?)null;
        var axis = Axis.Over(values, Scale.Linear, Style, (int)Math.Max(2, (right - left) / 70), round: true, to: top1);
        double At(double value) => left + Math.Clamp(axis.At(value), 0, 1) * (right - left);

        var drawing = new Drawing();
        var top = 10.0;
        if (Title.Length > 0) { drawing.Text(12, top += 12, TextSize.Shorten(Title, 15, width - 24), new(15, Bold: true), Title); top += 14; }
        var marks = PlaceMarks(At, left, right, out var lines);
        top += lines * 15;
        var bottom = top + 4 + Row * Bars.Count;

        foreach (var tick in axis.Ticks)
        {
            drawing.Rule(At(tick.Value), top, At(tick.Value), bottom);
            drawing.Text(At(tick.Value), bottom + 16, tick.Label, new(LabelSize, Anchor.Middle, Mute: true));
        }
        for (var i = 0; i < Bars.Count; i++) { Draw(drawing, Bars[i], names[i], numbers[i], At, left, width - 16, top + 2 + Row * (i + 0.5)); }
        drawing.Rule(At(0), top, At(0), bottom, strong: true);
        foreach (var (reference, x, line) in marks)
        {
            drawing.Rule(At(reference.Value), top - 4 - 15 * line, At(reference.Value), bottom, strong: true, dashes: "4 3");
            drawing.Text(x, top - 6 - 15 * line, MarkText(reference), new(LabelSize, Mute: true));
        }
        var end = bottom + 24;
        if (Label.Length > 0) { drawing.Text((left + right) / 2, end += 10, Label, new(LabelSize, Anchor.Middle, Mute: true)); end += 6; }
        return drawing.Finish(width, end + 4, Title.Length > 0 ? Title : "Bar chart");
    }

    void Draw(Drawing drawing, Bar bar, string name, string number, Func<double, double> at, double left, double right, double middle)
    {
        drawing.Text(left - 10, middle + 4.5, name, new(NameSize, Anchor.End), name == bar.Name ? null : bar.Name);
        drawing.Text(right, middle + 4.5, number, new(12, Anchor.End));
        if (!Axis.Has(Scale.Linear, bar.Value)) { return; }
        var (colour, from, to) = (Colours.Of(bar.Colour), Math.Min(at(0), at(bar.Value)), Math.Max(at(0), at(bar.Value)));
        drawing.Rectangle(from, middle - Thick / 2, to - from, Thick, colour, bar.Interval is null ? 0.85 : 0.5, 1.5, $"{bar.Name}: {number}");
        if (bar.Interval is not { } interval || !Axis.Has(Scale.Linear, interval.Low) || !Axis.Has(Scale.Linear, interval.High)) { return; }
        drawing.Line(at(interval.Low), middle, at(interval.High), middle, colour, 2.5);
        foreach (var end in (double[])[interval.Low, interval.High]) { drawing.Line(at(end), middle - 5, at(end), middle + 5, colour, 2.5); }
    }

    // A mark's name stands right of its line, or left where there is no room; names that would touch go to the next line above.
    List<(Reference Reference, double X, int Line)> PlaceMarks(Func<double, double> at, double left, double right, out int lines)
    {
        List<(Reference, double, int)> marks = [];
        List<double> ends = [];
        foreach (var reference in References.Where(r => Axis.Has(Scale.Linear, r.Value)).OrderBy(r => r.Value))
        {
            var (room, x) = (TextSize.Of(MarkText(reference), LabelSize), at(reference.Value) + 5);
            if (x + room > right) { x = Math.Max(left, at(reference.Value) - 5 - room); }
            var line = ends.FindIndex(end => end + 12 <= x);
            if (line < 0) { (line, _) = (ends.Count, 0); ends.Add(0); }
            ends[line] = x + room;
            marks.Add((reference, x, line));
        }
        lines = ends.Count;
        return marks;
    }

    string MarkText(Reference reference) => $"{TextSize.Shorten(reference.Name, LabelSize, 200)} {Text(reference.Value)}";

    string Number(Bar bar) => bar.Interval is not { } interval || !double.IsFinite(bar.Value) ? Text(bar.Value)
        : Style == NumberStyle.Percent ? Numbers.Percent(bar.Value, interval, Decimals)
        : $"{Text(bar.Value)} ({Text(interval.Low)}\u2013{Text(interval.High)})";

    string Text(double value) => Style == NumberStyle.Percent ? Numbers.Percent(value, Decimals) : Numbers.Fixed(value, Decimals);

    static IEnumerable<double> Ends(Bar bar) => bar.Interval is { } interval ? [bar.Value, interval.Low, interval.High] : [bar.Value];
}
