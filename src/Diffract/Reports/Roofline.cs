using System.Globalization;

namespace Diffract.Reports;

/// <summary>A piece of work: what it is, operations for each byte that must be moved, operations a second.</summary>
public sealed record RooflinePoint(string Name, double Intensity, double Rate);

/// <summary>A processor's limit on operations a second.</summary>
public sealed record RooflineCeiling(string Name, double Rate);

/// <summary>Rates reached over operations a byte, below what memory and arithmetic allow; both axes are logarithmic.</summary>
/// <remarks>Williams, Waterman and Patterson 2009.</remarks>
public sealed record Roofline
{
    const double Height = 320, LabelSize = 11;

    public string Title { get; init; } = "";

    /// <summary>Bytes a second from memory.</summary>
    public required double Bandwidth { get; init; }

    public required IReadOnlyList<RooflineCeiling> Ceilings { get; init; }

    public required IReadOnlyList<RooflinePoint> Points { get; init; }

    /// <summary>Pixels.</summary>
    public int Width { get; init; } = 720;

    public Svg Draw()
    {
        var top = Ceilings.Max(ceiling => ceiling.Rate);
        var x = Axis.Over([.. Points.Select(point => point.Intensity), Ceilings.Min(ceiling => ceiling.Rate) / Bandwidth / 2, 2 * top / Bandwidth], Scale.Log, NumberStyle.Plain, Width / 90, round: true);
        var y = Axis.Over([.. Points.Select(point => point.Rate / 1e9), top / 1e9], Scale.Log, NumberStyle.Plain, 6, round: true);
        var drawing = new Drawing();
        var (left, right, above, titleAt) = (y.LabelWidth(LabelSize) + 22, Width - 16.0, 58.0, 20.0);
        var below = above + Height;
        (double, double) Place(double intensity, double rate) => (left + x.At(intensity) * (right - left), below - y.At(rate / 1e9) * Height);

        drawing.Text(left, titleAt, TextSize.Shorten(Title, 15, right - left), new(15, Bold: true), Title);
        drawing.Text(left, titleAt + 24, "GFLOP/s", new(LabelSize, Mute: true));
        Axis.Draw(drawing, x, y, left, right, above, below, LabelSize);
        drawing.Text((left + right) / 2, below + 36, "operations a byte of weights and maps", new(LabelSize, Anchor.Middle, Mute: true));

        foreach (var ceiling in Ceilings)
        {
            var (corner, height) = Place(ceiling.Rate / Bandwidth, ceiling.Rate);
            drawing.Line(corner, height, right, height, Colours.Of(0), 2);
            drawing.Text(corner + 8, height - 5, string.Create(CultureInfo.InvariantCulture, $"{ceiling.Name}: {ceiling.Rate / 1e9:n0}"), new(LabelSize));
        }
        drawing.Clip(left, above - 3, right - left, Height + 6);
        var (foot, head) = (Place(1e-3, 1e-3 * Bandwidth), Place(top / Bandwidth, top));
        drawing.Line(foot.Item1, foot.Item2, head.Item1, head.Item2, Colours.Of(0), 2);
        drawing.EndClip();
        foreach (var point in Points)
        {
            var (at, up) = Place(point.Intensity, point.Rate);
            drawing.Circle(at, up, 4, Colours.Of(1), string.Create(CultureInfo.InvariantCulture, $"{point.Name}: {point.Rate / 1e9:f0} GFLOP/s, {point.Intensity:f0} operations a byte"));
            drawing.Text(at + 6, up + 3.5, point.Name, new(9, Mute: true));
        }
        return drawing.Finish(Width, below + 46, Title.Length > 0 ? Title : "Roofline");
    }
}
