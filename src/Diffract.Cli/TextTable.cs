namespace Diffract.Cli;

/// <summary>Columns set with spaces, the same on a terminal and in a pipe. A heading that starts with '>' is a column of numbers, set to the right.</summary>
sealed class TextTable(params string[] headings)
{
    readonly List<string[]> _rows = [[.. headings.Select(h => h.TrimStart('>'))]];

    public void Add(params string[] cells) => _rows.Add(cells);

    public void Write(TextWriter writer)
    {
        var widths = headings.Select((_, column) => _rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in _rows)
        {
            writer.WriteLine(string.Join("  ", row.Select((cell, column) => headings[column].StartsWith('>') ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
