using System.Text;

namespace Diffract.Reports;

/// <summary>A named line; points in the order of the line. A point that is not finite, or has no place on a log axis, leaves a gap.</summary>
public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Curves over a common axis, such as losses over steps.</summary>
public sealed record LineChart
{
    const double TextHeight = 18, Sample = 20, LabelSize = 11;
    const int MostMarkers = 40; // a line of more points is drawn without dots

    public string Title { get; init; } = "";
    public string XLabel { get; init; } = "";
    public string YLabel { get; init; } = "";

    /// <summary>Later ones lie above earlier ones. The first eight differ in colour, those after them in their dashes too. A jagged one is drawn fine and pale.</summary>
    public required IReadOnlyList<Series> Series { get; init; }

    public Scale XScale { get; init; }
    public Scale YScale { get; init; }
    public NumberStyle XStyle { get; init; }
    public NumberStyle YStyle { get; init; }

    /// <summary>Low end of the y axis; null: as the points have it.</summary>
    public double? YFrom { get; init; }

    /// <summary>High end of the y axis; null: as the points have it.</summary>
    public double? YTo { get; init; }

    /// <summary>Pixels, 240 to 4,000.</summary>
    public int Width { get; init; } = 720;

    /// <summary>Pixels of the area within the axes, 80 to 4,000.</summary>
    public int PlotHeight { get; init; } = 280;

    public Svg Draw()
    {
        var width = Math.Clamp(Width, 240, 4000);
        var height = (double)Math.Clamp(PlotHeight, 80, 4000);
        var y = Axis.Over(Values(point => point.Y), YScale, YStyle, (int)(height / 45), round: true, YFrom, YTo);
        var x = Axis.Over(Values(point => point.X), XScale, XStyle, width / 90, round: false);

        var drawing = new Drawing();
        var left = y.LabelWidth(LabelSize) + 18;
        var right = width - 12 - Math.Max(6, x.Ticks.Select(tick => TextSize.Of(tick.Label, LabelSize) / 2).DefaultIfEmpty(0).Max());
        var top = 10.0;
        if (Title.Length > 0) { drawing.Text(left, top += 12, TextSize.Shorten(Title, 15, right - left), new(15, Bold: true), Title); top += 12; }
        top = Legend(drawing, left, right, top);
        if (YLabel.Length > 0) { drawing.Text(left, top += 11, TextSize.Shorten(YLabel, LabelSize, right - left), new(LabelSize, Mute: true)); top += 4; }
        top += 6;
        var bottom = top + height;

        Axis.Draw(drawing, x, y, left, right, top, bottom, LabelSize);
        var end = bottom + 24;
        if (XLabel.Length > 0) { drawing.Text((left + right) / 2, end += 11, TextSize.Shorten(XLabel, LabelSize, right - left), new(LabelSize, Anchor.Middle, Mute: true)); end += 6; }
        if (!Values(point => point.Y).Any(value => Axis.Has(YScale, value))) { drawing.Text((left + right) / 2, (top + bottom) / 2, "no data", new(13, Anchor.Middle, Mute: true)); }

        drawing.Clip(left - 3, top - 3, right - left + 6, height + 6); // room for half a line
        for (var i = 0; i < Series.Count; i++)                           // a mean goes on top of what it is the mean of
        {
            Line(drawing, i, 3 * (right - left), point => (left + x.At(point.X) * (right - left), bottom - y.At(point.Y) * height));
        }
        drawing.EndClip();
        return drawing.Finish(width, end + 6, Title.Length > 0 ? Title : "Line chart");
    }

    IEnumerable<double> Values(Func<(double X, double Y), double> of) => Series.SelectMany(series => series.Points).Where(Shows).Select(of);

    bool Shows((double X, double Y) point) => Axis.Has(XScale, point.X) && Axis.Has(YScale, point.Y);

    double Legend(Drawing drawing, double left, double right, double top)
    {
        if (Series.All(series => series.Name.Length == 0)) { return top; }
        var (x, y) = (left, top + 12);
        for (var i = 0; i < Series.Count; i++)
        {
            var name = TextSize.Shorten(Series[i].Name, 12, Math.Min(300, right - left - Sample - 8));
            var room = Sample + 8 + TextSize.Of(name, 12);
            if (x > left && x + room > right) { (x, y) = (left, y + TextHeight); }
            drawing.Line(x, y - 4, x + Sample, y - 4, Colours.Of(i), 2.5, Colours.DashesOf(i));
            drawing.Text(x + Sample + 8, y, name, new(12), name == Series[i].Name ? null : Series[i].Name);
            x += room + 18;
        }
        return y + 8;
    }

    void Line(Drawing drawing, int index, double mostTravel, Func<(double X, double Y), (double X, double Y)> place)
    {
        var (series, colour) = (Series[index], Colours.Of(index));
        var path = new StringBuilder();
        var run = new List<(double X, double Y)>();
        var travel = 0.0; // pixels up and down
        var lonely = new List<(double X, double Y)>();
        foreach (var point in series.Points.Append((double.NaN, double.NaN)))
        {
            if (Shows(point)) { run.Add(place(point)); continue; }
            if (run.Count == 1) { lonely.Add(run[0]); }
            if (run.Count > 1)
            {
                var thin = Thinned(run);
                for (var i = 0; i < thin.Count; i++)
                {
                    path.Append(i == 0 ? 'M' : 'L').Append(Markup.Pixels(thin[i].X)).Append(' ').Append(Markup.Pixels(thin[i].Y));
                    travel += i == 0 ? 0 : Math.Abs(thin[i].Y - thin[i - 1].Y);
                }
            }
            run.Clear();
        }
        var isJagged = travel > mostTravel;
        if (path.Length > 0) { drawing.Curve(path.ToString(), colour, isJagged ? 1 : 2, isJagged ? 0.65 : 1, Colours.DashesOf(index), series.Name); }
        foreach (var (x, y) in lonely.Take(MostMarkers * 100)) { drawing.Circle(x, y, 3, colour, series.Name); }
        if (series.Points.Count > MostMarkers) { return; }
        foreach (var point in series.Points.Where(Shows))
        {
            var (x, y) = place(point);
            drawing.Circle(x, y, 3, colour, $"{(series.Name.Length > 0 ? series.Name + ": " : "")}{Numbers.Significant(point.X)}, {(YStyle == NumberStyle.Percent ? Numbers.Percent(point.Y) : Numbers.Significant(point.Y))}");
        }
    }

    // Of the points that share a pixel's column, the first, the lowest, the highest and the last are all that can be seen.
    static List<(double X, double Y)> Thinned(List<(double X, double Y)> points)
    {
        var result = new List<(double X, double Y)>();
        for (int first = 0, next; first < points.Count; first = next)
        {
            var (lowest, highest, column) = (first, first, Math.Floor(points[first].X));
            for (next = first + 1; next < points.Count && Math.Floor(points[next].X) == column; next++)
            {
                if (points[next].Y < points[lowest].Y) { lowest = next; }
                if (points[next].Y > points[highest].Y) { highest = next; }
            }
            foreach (var i in new SortedSet<int> { first, lowest, highest, next - 1 }) { result.Add(points[i]); }
        }
        return result;
    }
}
