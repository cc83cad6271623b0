using Diffract.Features;

namespace Diffract.Workflows;

/// <summary>The list of pictures that a store was begun with, for saying how another one differs.</summary>
static class StoredList
{
    /// <summary>Beside the manifest of an unfinished store: the lines that the manifest's listSha256 is of. A finished one has its rows.</summary>
    public const string File = "pictures.tsv";

    /// <summary>What has come, gone or changed its place since; empty where the store does not tell.</summary>
    public static string Difference(string folder, StoreManifest manifest, ExtractItems items)
    {
        if (Read(folder, manifest) is not { } theirs)
        {
            return "";
        }
        Dictionary<string, string?> mine = [];
        foreach (var line in items.ListLines()) { Add(mine, line); }
        string[] parts =
        [
            .. Phrase("new", mine.Keys.Where(path => !theirs.ContainsKey(path))),
            .. Phrase("gone", theirs.Keys.Where(path => !mine.ContainsKey(path))),
            .. Phrase("of another class or split", mine.Where(pair => pair.Value is { } place && theirs.GetValueOrDefault(pair.Key) is { } other && place != other).Select(pair => pair.Key)),
        ];
        return parts.Length > 0 ? string.Join(", ", parts) : "the same in another order";
    }

    // From a path to class and split; null where they are not known.
    static Dictionary<string, string?>? Read(string folder, StoreManifest manifest)
    {
        var (list, rows) = (Path.Combine(folder, File), Path.Combine(folder, StoreManifest.RowsFile));
        Dictionary<string, string?> found = [];
        if (manifest.Complete && System.IO.File.Exists(rows))
        {
            foreach (var row in StoreRow.Read(rows)) { found[row.File] = $"{row.Class}\t{row.Split}"; }
            foreach (var (path, _) in manifest.Failures) { found[path] = null; }
            return found;
        }
        if (!System.IO.File.Exists(list))
        {
            return null;
        }
        foreach (var line in System.IO.File.ReadLines(list)) { Add(found, line); }
        return found;
    }

    static void Add(Dictionary<string, string?> list, string line)
    {
        var parts = line.Split('\t');
        if (parts.Length < 3)
        {
            return;                                                                        // of a path that holds a line break
        }
        list[string.Join('\t', parts[..^2])] = $"{parts[^2]}\t{parts[^1].ToLowerInvariant()}";
    }

    static IEnumerable<string> Phrase(string what, IEnumerable<string> paths)
    {
        string[] all = [.. paths.Order(StringComparer.Ordinal)];
        return all.Length == 0 ? [] : [$"{all.Length:n0} {what} ({string.Join(", ", all.Take(3))}{(all.Length > 3 ? ", ..." : "")})"];
    }
}
