using System.Globalization;
using System.Text;

namespace Diffract.Data;

/// <summary>A list of pictures as values with commas (or, all through the file, semicolons or tabs) between them: a heading with the columns path, label and, at will, split; then a line a picture. Other columns are passed over.</summary>
/// <remarks>RFC 4180: values with commas or quotes stand in quotes. Paths are relative to the list's folder.</remarks>
static class CsvLayout
{
    public const string FileName = "labels.csv", Needs = "labels.csv with the columns path, label and, at will, split";

    const string Expected = "its first line should name the columns path, label and, at will, split";

    const int LongestHeading = 4096;

    /// <summary>True where the list of that name has the columns: lists of other programs may have its name.</summary>
    public static bool Matches(SetFiles files)
    {
        if (!files.Has(FileName)) { return false; }
        var start = new byte[Math.Min(LongestHeading, files.Length(FileName))];
        files.ReadAt(FileName, 0, start);
        return Separator(Encoding.UTF8.GetString(start).TrimStart('\uFEFF').Split('\n')[0]) is not null;
    }

    public static PictureSet Read(SetFiles files, string list)
    {
        var lines = files.Lines(list).ToList();
        var separator = (lines.Count > 0 ? Separator(lines[0].Text) : null) ?? ',';
        var rows = lines.Select(line => (line.Number, Values: Values(line.Text, separator, $"{files.Name}/{list}, line {line.Number}"))).ToList();
        string[] columns = rows.Count > 0 ? [.. rows[0].Values.Select(Column)] : [];
        var (path, label, split) = (Array.IndexOf(columns, "path"), Array.IndexOf(columns, "label"), Array.IndexOf(columns, "split"));
        if (path < 0 || label < 0) { throw new PictureException($"{files.Name}/{list}: {Expected}; it reads '{string.Join(",", columns)[..Math.Min(60, string.Join(",", columns).Length)]}'"); }
        foreach (var (number, values) in rows)
        {
            if (values.Count != columns.Length) { throw new PictureException($"{files.Name}/{list}, line {number}: {values.Count} values under {columns.Length} columns; put values that hold the separator ({(separator == '\t' ? "tab" : separator)}) in quotes"); }
        }
        string[] classes = [.. Ordered(rows.Skip(1).Select(row => row.Values[label]).Where(name => name.Length > 0).Distinct())];
        var index = classes.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        var pictures = new ListedPictures(files, "csv", classes);
        var splits = new HashSet<PictureSplit>();
        foreach (var (number, values) in rows.Skip(1))
        {
            var part = split < 0 ? PictureSplit.None : SplitOf(values[split], $"{files.Name}/{list}, line {number}");
            splits.Add(part);
            pictures.Add(Relative(values[path], $"{files.Name}/{list}, line {number}"), values[label].Length > 0 ? index[values[label]] : -1, part);
        }
        return pictures.ToSet(null, [.. splits]);
    }

    static PictureSplit SplitOf(string text, string where) => PictureLayout.SplitOf(text) is not PictureSplit.None and var split ? split
        : throw new PictureException($"{where}: split '{text}'; expected train, val or test");

    // One spelling of each path, so that a picture that is listed twice is seen to be.
    static string Relative(string path, string where)
    {
        string[] parts = [.. path.Replace('\\', '/').Split('/')];
        if (path.Length == 0) { throw new PictureException($"{where}: there is no path"); }
        return parts[0].Length > 0 && !parts.Contains("..") ? string.Join('/', parts.Where(part => part is not ("" or ".")))
            : throw new PictureException($"{where}: path '{path}' leads out of the list's folder; put the list above the pictures, and write paths relative to it");
    }

    // Numbers in their own order, so that class 10 comes after 9; names ordinally.
    static IEnumerable<string> Ordered(IEnumerable<string> labels)
    {
        string[] names = [.. labels];
        return names.All(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? names.OrderBy(name => int.Parse(name, CultureInfo.InvariantCulture)).ThenBy(name => name, StringComparer.Ordinal)
            : names.Order(StringComparer.Ordinal);
    }

    // The one that divides a heading into the columns.
    static char? Separator(string heading) => ((char?[])[',', ';', '\t']).FirstOrDefault(separator => heading.Split(separator!.Value).Select(Column).ToHashSet().IsSupersetOf(["path", "label"]));

    static string Column(string heading) => heading.Trim().Trim('"').ToLowerInvariant();

    static List<string> Values(string line, char separator, string where)
    {
        var (values, value, quoted) = (new List<string>(), new StringBuilder(), false);
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') { value.Append(line[++i]); }
            else if (c == '"') { quoted = !quoted; }
            else if (c == separator && !quoted) { Close(); }
            else { value.Append(c); }
        }
        if (quoted) { throw new PictureException($"{where}: a quote is not closed; values may not hold line breaks"); }
        Close();
        return values;

        void Close()
        {
            values.Add(value.ToString().Trim());
            value.Clear();
        }
    }
}
