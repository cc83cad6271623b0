using System.Text;

namespace Diffract.Reports;

/// <summary>Where the text of a table's column stands.</summary>
public enum Align
{
    Left,
    /// <summary>For numbers of as many decimals each.</summary>
    Right,
}

/// <summary>A table's column.</summary>
public sealed record Column(string Name, Align Align = Align.Left);

/// <summary>Rows of text under named columns: for a terminal, a document or a page.</summary>
public sealed class Table(params IReadOnlyList<Column> columns)
{
    readonly List<IReadOnlyList<string>> _rows = [];

    public IReadOnlyList<Column> Columns => columns;

    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    /// <summary>Adds a row; cells that are missing at the end are empty.</summary>
    /// <exception cref="ArgumentException">More cells than columns.</exception>
    public Table Add(params IReadOnlyList<string> cells)
    {
        if (cells.Count > columns.Count) { throw new ArgumentException($"{cells.Count} cells in a table of {columns.Count} columns"); }
        _rows.Add([.. cells, .. Enumerable.Repeat("", columns.Count - cells.Count)]);
        return this;
    }

    /// <summary>For a terminal: aligned columns, a line under the names, no line end after the last row.</summary>
    public string Text() => Lines(Plain, (widths, _) => string.Join("  ", widths.Select(width => new string('\u2500', width))), row => string.Join("  ", row).TrimEnd());

    /// <summary>For a document: GitHub's table, aligned as text too.</summary>
    public string Markdown() => Lines(EscapeMarkdown, (widths, aligns) => "| " + string.Join(" | ", widths.Zip(aligns, Dashes)) + " |", row => "| " + string.Join(" | ", row) + " |");

    static string Dashes(int width, Align align) => align == Align.Right ? new string('-', Math.Max(2, width - 1)) + ":" : new string('-', Math.Max(3, width));

    string Lines(Func<string, string> cell, Func<int[], Align[], string> rule, Func<IEnumerable<string>, string> join)
    {
        string[][] rows = [[.. columns.Select(column => cell(column.Name))], .. _rows.Select(row => row.Select(cell).ToArray())];
        int[] widths = [.. columns.Select((_, c) => Math.Max(3, rows.Max(row => TextSize.Columns(row[c]))))];
        var lines = rows.Select(row => join(row.Select((text, c) => Padded(text, widths[c], columns[c].Align)))).ToList();
        lines.Insert(1, rule(widths, [.. columns.Select(column => column.Align)]));
        return string.Join('\n', lines);
    }

    static string Padded(string text, int width, Align align)
    {
        var room = new string(' ', width - TextSize.Columns(text));
        return align == Align.Right ? room + text : text + room;
    }

    // Control characters could move the cursor or colour the screen.
    static string Plain(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.Value is '\n' or '\r' or '\t' ? " " : Rune.IsControl(rune) ? "\ufffd" : rune.ToString()));

    static string EscapeMarkdown(string text)
    {
        var result = new StringBuilder();
        foreach (var c in Plain(text))
        {
            if (c is '<' or '&') { result.Append(c == '<' ? "&lt;" : "&amp;"); continue; }
            if (c is '\\' or '|' or '`' or '*' or '[' or ']' or '~') { result.Append('\\'); }
            result.Append(c);
        }
        return result.ToString();
    }
}
