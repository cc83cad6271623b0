using System.Text;

namespace Diffract.Reports;

enum Anchor { Start, Middle, End }

/// <summary>How text looks. Ink is for what is read, mute for what helps to read it; a colour overrides both.</summary>
readonly record struct TextStyle(double Size = 12, Anchor Anchor = Anchor.Start, bool Mute = false, bool Bold = false, string? Colour = null, double Turn = 0);

/// <summary>
/// Writes SVG, element by element. Its greys can be read on white and on black; a page that knows its ground sets
/// --chart-ink, --chart-mute and --chart-grid.
/// </summary>
sealed class Drawing
{
    const string Grey = "#6e7781";

    // Only the style sheet knows the page's colours; the attributes serve programs that do not read it.
    const string Style = """
        <style>.dfx-ink{fill:var(--chart-ink,#6e7781)}.dfx-mute{fill:var(--chart-mute,#6e7781)}.dfx-rule{stroke:var(--chart-ink,#6e7781)}.dfx-grid{stroke:var(--chart-grid,#6e7781)}</style>
        """;

    readonly StringBuilder _text = new();

    public void Text(double x, double y, string text, TextStyle style, string? hint = null)
    {
        var (px, py) = (Markup.Pixels(x), Markup.Pixels(y));
        _text.Append($"<text x=\"{px}\" y=\"{py}\" font-size=\"{Markup.Pixels(style.Size)}\"");
        _text.Append(style.Colour is { } colour ? $" fill=\"{colour}\"" : $" fill=\"{Grey}\" class=\"{(style.Mute ? "dfx-mute" : "dfx-ink")}\"");
        if (style.Anchor != Anchor.Start) { _text.Append(style.Anchor == Anchor.Middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\""); }
        if (style.Bold) { _text.Append(" font-weight=\"600\""); }
        if (style.Turn != 0) { _text.Append($" transform=\"rotate({Markup.Pixels(style.Turn)} {px} {py})\""); }
        Close("text", Markup.Escape(text), hint);
    }

    /// <summary>A line of a grid or, where strong, of an axis.</summary>
    public void Rule(double x1, double y1, double x2, double y2, bool strong = false, string? dashes = null) =>
        Line(x1, y1, x2, y2, $"stroke=\"{Grey}\" class=\"{(strong ? "dfx-rule" : "dfx-grid")}\" stroke-opacity=\"{(strong ? ".8" : ".25")}\"{(dashes is null ? "" : $" stroke-dasharray=\"{dashes}\"")}");

    public void Line(double x1, double y1, double x2, double y2, string colour, double width, string? dashes = null) =>
        Line(x1, y1, x2, y2, $"stroke=\"{colour}\" stroke-width=\"{Markup.Pixels(width)}\"{(dashes is null ? "" : $" stroke-dasharray=\"{dashes}\"")}");

    void Line(double x1, double y1, double x2, double y2, string attributes) =>
        _text.Append($"<line x1=\"{Markup.Pixels(x1)}\" y1=\"{Markup.Pixels(y1)}\" x2=\"{Markup.Pixels(x2)}\" y2=\"{Markup.Pixels(y2)}\" {attributes}/>\n");

    /// <param name="hint">Shown where the pointer rests on it.</param>
    public void Rectangle(double x, double y, double width, double height, string colour, double opacity = 1, double round = 0, string? hint = null)
    {
        _text.Append($"<rect x=\"{Markup.Pixels(x)}\" y=\"{Markup.Pixels(y)}\" width=\"{Markup.Pixels(Math.Max(0, width))}\" height=\"{Markup.Pixels(Math.Max(0, height))}\" fill=\"{colour}\"");
        if (opacity < 1) { _text.Append($" fill-opacity=\"{Markup.Pixels(opacity)}\""); }
        if (round > 0) { _text.Append($" rx=\"{Markup.Pixels(round)}\""); }
        Close("rect", "", hint);
    }

    public void Outline(double x, double y, double width, double height, double stroke) => _text.Append(
        $"<rect x=\"{Markup.Pixels(x)}\" y=\"{Markup.Pixels(y)}\" width=\"{Markup.Pixels(width)}\" height=\"{Markup.Pixels(height)}\" fill=\"none\" stroke=\"{Grey}\" class=\"dfx-rule\" stroke-width=\"{Markup.Pixels(stroke)}\"/>\n");

    public void Circle(double x, double y, double radius, string colour, string? hint = null)
    {
        _text.Append($"<circle cx=\"{Markup.Pixels(x)}\" cy=\"{Markup.Pixels(y)}\" r=\"{Markup.Pixels(radius)}\" fill=\"{colour}\"");
        Close("circle", "", hint);
    }

    /// <param name="path">SVG's path data.</param>
    public void Curve(string path, string colour, double width, double opacity, string? dashes, string? hint = null)
    {
        _text.Append($"<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{Markup.Pixels(width)}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"");
        if (opacity < 1) { _text.Append($" stroke-opacity=\"{Markup.Pixels(opacity)}\""); }
        if (dashes is not null) { _text.Append($" stroke-dasharray=\"{dashes}\""); }
        Close("path", "", hint);
    }

    /// <summary>What is drawn until <see cref="EndClip"/> keeps its coordinates and is cut at the rectangle's sides.</summary>
    public void Clip(double x, double y, double width, double height)
    {
        var area = $"{Markup.Pixels(x)} {Markup.Pixels(y)} {Markup.Pixels(width)} {Markup.Pixels(height)}";
        _text.Append($"<svg x=\"{Markup.Pixels(x)}\" y=\"{Markup.Pixels(y)}\" width=\"{Markup.Pixels(width)}\" height=\"{Markup.Pixels(height)}\" viewBox=\"{area}\" overflow=\"hidden\">\n");
    }

    public void EndClip() => _text.Append("</svg>\n");

    public Svg Finish(double width, double height, string name)
    {
        var (w, h) = (Markup.Pixels(Math.Ceiling(width)), Markup.Pixels(Math.Ceiling(height)));
        return new(Math.Ceiling(width), Math.Ceiling(height), $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{Markup.Escape(name)}" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif">
            {Style}
            {_text}</svg>
            """);
    }

    void Close(string element, string content, string? hint)
    {
        if (hint is not null) { content += $"<title>{Markup.Escape(hint)}</title>"; }
        _text.Append(content.Length == 0 ? "/>\n" : $">{content}</{element}>\n");
    }
}
