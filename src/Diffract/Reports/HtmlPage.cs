using System.Globalization;
using System.Text;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Reports;

/// <summary>
/// One page in one file: style, drawings and pictures are inside it, nothing in it runs and nothing is fetched. All text is escaped.
/// It follows the reader's light or dark setting, and prints on white.
/// </summary>
public sealed class HtmlPage(string title)
{
    readonly StringBuilder _body = new();

    /// <param name="level">2 to 4; the page's title is 1.</param>
    public HtmlPage Heading(string text, int level = 2)
    {
        var n = Math.Clamp(level, 2, 4).ToString(CultureInfo.InvariantCulture);
        return Append($"<h{n}>{Markup.Escape(text)}</h{n}>");
    }

    public HtmlPage Paragraph(string text) => Append($"<p>{Markup.Escape(text)}</p>");

    public HtmlPage List(params IEnumerable<string> items) => Append($"<ul>{string.Concat(items.Select(item => $"<li>{Markup.Escape(item)}</li>"))}</ul>");

    /// <summary>Commands or output, line by line.</summary>
    public HtmlPage Code(string text) => Append($"<pre><code>{string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(Markup.Escape))}</code></pre>");

    public HtmlPage Table(Table table, string caption = "")
    {
        Append("<div class=\"scroll\"><table>");
        if (caption.Length > 0) { Append($"<caption>{Markup.Escape(caption)}</caption>"); }
        Append($"<thead><tr>{Cells("th", table, [.. table.Columns.Select(column => column.Name)])}</tr></thead><tbody>");
        foreach (var row in table.Rows) { Append($"<tr>{Cells("td", table, row)}</tr>"); }
        return Append("</tbody></table></div>");
    }

    static string Cells(string element, Table table, IReadOnlyList<string> cells) => string.Concat(cells.Select((text, c) =>
        $"<{element}{(table.Columns[c].Align == Align.Right ? " class=\"number\"" : "")}>{Markup.Escape(text)}</{element}>"));

    public HtmlPage Figure(Svg drawing, string caption = "") => Append($"<figure><div class=\"scroll\">{drawing.Text}</div>{Caption(caption)}</figure>");

    /// <param name="zoom">Pixels of the page for a pixel of the picture, 1 to 64; above 1 its pixels stay sharp.</param>
    /// <exception cref="TorchException">The picture cannot be encoded.</exception>
    public HtmlPage Figure(Picture picture, string caption = "", int zoom = 1) => Append($"<figure>{Image(picture, caption, zoom)}{Caption(caption)}</figure>");

    /// <summary>Small pictures side by side, each with a line below it.</summary>
    /// <inheritdoc cref="Figure(Picture, string, int)"/>
    public HtmlPage Gallery(IEnumerable<(Picture Picture, string Caption)> pictures, int zoom = 1)
    {
        Append("<div class=\"gallery\">");
        foreach (var (picture, caption) in pictures) { Append($"<figure style=\"max-width:{Math.Max(64, picture.Width * Math.Clamp(zoom, 1, 64))}px\">{Image(picture, caption, zoom)}{Caption(caption)}</figure>"); }
        return Append("</div>");
    }

    static string Image(Picture picture, string caption, int zoom)
    {
        zoom = Math.Clamp(zoom, 1, 64);
        var size = string.Create(CultureInfo.InvariantCulture, $"width=\"{(long)picture.Width * zoom}\" height=\"{(long)picture.Height * zoom}\"");
        return $"<img {size}{(zoom > 1 ? " class=\"pixels\"" : "")} alt=\"{Markup.Escape(caption)}\" src=\"data:image/png;base64,{Convert.ToBase64String(PictureEncoder.Png(picture))}\"/>";
    }

    static string Caption(string caption) => caption.Length == 0 ? "" : $"<figcaption>{Markup.Escape(caption)}</figcaption>";

    HtmlPage Append(string line)
    {
        _body.Append(line).Append('\n');
        return this;
    }

    /// <summary>The whole page; HTML that is well-formed XML too.</summary>
    public string Html() => $"""
        <!DOCTYPE html>
        <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/>
        <title>{Markup.Escape(title)}</title>
        <style>
        {Style}
        </style>
        </head>
        <body>
        <main>
        <h1>{Markup.Escape(title)}</h1>
        {_body}</main>
        </body>
        </html>

        """;

    /// <summary>Writes the file whole or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, Encoding.UTF8.GetBytes(Html()));

    const string Style = """
        :root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --mute: #59636e; --rule: #d8dee4; --soft: #f6f8fa;
          --chart-ink: var(--ink); --chart-mute: var(--mute); --chart-grid: #6e7781; }
        @media (prefers-color-scheme: dark) { :root { --paper: #0f141a; --ink: #e3e8ee; --mute: #98a2ad; --rule: #2f3842; --soft: #171e26; --chart-grid: #8a94a0; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
        main { max-width: 54rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
        h1, h2, h3, h4 { line-height: 1.25; text-wrap: balance; overflow-wrap: anywhere; }
        h1 { font-size: 1.9rem; margin: 0 0 1.25rem; }
        h2 { font-size: 1.35rem; margin: 2.5rem 0 0.75rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--rule); }
        h3 { font-size: 1.1rem; margin: 1.75rem 0 0.5rem; }
        p, ul { margin: 0.75rem 0; overflow-wrap: anywhere; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; margin: 1rem 0; font-size: 0.94rem; }
        caption { text-align: left; color: var(--mute); padding-bottom: 0.4rem; }
        th, td { padding: 0.4rem 0.9rem; text-align: left; border-bottom: 1px solid var(--rule); }
        th { font-weight: 600; border-bottom-width: 2px; vertical-align: bottom; }
        td:first-child:not(.number), td.number:first-child + td { min-width: 9rem; }
        tbody tr:hover { background: var(--soft); }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        figure { margin: 1.5rem 0; }
        figcaption { color: var(--mute); font-size: 0.9rem; line-height: 1.45; margin-top: 0.5rem; overflow-wrap: anywhere; }
        svg, img { display: block; max-width: 100%; height: auto; }
        .pixels { image-rendering: pixelated; }
        .gallery { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
        .gallery figure { margin: 0; }
        .gallery figcaption { font-size: 0.8rem; margin-top: 0.3rem; }
        pre { background: var(--soft); border: 1px solid var(--rule); border-radius: 6px; padding: 0.8rem 1rem; overflow-x: auto; font: 0.86rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        @media print {
          :root { color-scheme: light; --paper: #ffffff; --ink: #000000; --mute: #444444; --rule: #bbbbbb; --soft: #ffffff; --chart-grid: #6e7781; }
          main { max-width: none; padding: 0; } .scroll { overflow: visible; }
          h2, h3 { break-after: avoid; } figure, tr { break-inside: avoid; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """;
}
