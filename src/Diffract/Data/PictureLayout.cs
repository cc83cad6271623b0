namespace Diffract.Data;

/// <summary>What the folders of a set mean: the parent folder of a picture is its class, folders named train (training), val (valid, validation) and test (testing) at the top are splits.</summary>
static class PictureLayout
{
    static readonly string[] Read = [".jpg", ".jpeg", ".png", ".webp"];
    static readonly string[] Known = [".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".ppm"];

    /// <summary>Order of paths as a walk through sorted folders meets them: part by part, ordinally.</summary>
    public static readonly Comparer<string> Order = Comparer<string>.Create(static (a, b) =>
    {
        int length = Math.Min(a.Length, b.Length);
        int same = a.AsSpan(0, length).CommonPrefixLength(b);
        if (same == length) { return a.Length - b.Length; }
        return a[same] == '/' ? -1 : b[same] == '/' ? 1 : a[same] - b[same];
    });

    /// <summary>By its ending. Names that begin with a dot are not pictures but notes of a file system.</summary>
    public static bool IsPicture(string path) => Ends(path, Read) && !Name(path).StartsWith('.');

    /// <summary>Names of a format that is not read.</summary>
    public static bool IsOtherPicture(string path) => Ends(path, Known);

    /// <summary>Class and split of every path.</summary>
    /// <param name="paths">Relative, with '/', sorted by <see cref="Order"/>, at least one.</param>
    /// <returns>Kept: for each item the index of its path; some may be left out, with a warning.</returns>
    public static (string[] Classes, PictureItem[] Items, int[] Kept, List<string> Warnings) Arrange(string set, IReadOnlyList<string> paths)
    {
        var warnings = new List<string>();
        int root = RootLength(paths);
        string[][] parts = [.. paths.Select(path => path[root..].Split('/'))];
        var splits = Splits(parts);

        var kept = new List<int>();
        var found = new List<(string? Class, PictureSplit Split)>();
        var above = new Dictionary<(string Class, PictureSplit Split), SortedSet<string>>();   // folders that hold a class
        var outside = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < paths.Count; i++)
        {
            string[] folders = parts[i][..^1];
            bool inSplit = folders.Length > 0 && splits.ContainsKey(folders[0]);
            if (splits.ContainsValue(PictureSplit.Train) && !inSplit)
            {
                string top = folders.Length > 0 ? folders[0] + "/" : "the top folder";
                outside[top] = outside.GetValueOrDefault(top) + 1;
                continue;
            }
            kept.Add(i);
            string? label = folders.Length > (inSplit ? 1 : 0) ? folders[^1] : null;
            if (label is not null)
            {
                var key = (label, inSplit ? splits[folders[0]] : PictureSplit.None);
                if (!above.TryGetValue(key, out var own)) { above[key] = own = new(StringComparer.Ordinal); }
                own.Add(string.Join('/', folders));
            }
            found.Add((label, inSplit ? splits[folders[0]] : splits.Count > 0 ? PictureSplit.Train : PictureSplit.None));
        }
        warnings.AddRange(outside.Select(entry => $"{set}: {entry.Value} pictures in {entry.Key} are in none of the splits and are left out"));

        if (above.Where(entry => entry.Value.Count > 1).OrderBy(entry => entry.Key.Class, StringComparer.Ordinal).ToList() is [var (first, several), ..] joined)
        {
            warnings.Add($"{set}: a picture's class is the folder that it lies in: {joined.Count} classes lie in several folders each, such as '{first.Class}' in {string.Join(" and ", several.Take(2))}{(several.Count > 2 ? " ..." : "")}");
        }
        string[] classes = [.. found.Where(item => item.Class is not null).Select(item => item.Class!).Distinct().Order(StringComparer.Ordinal)];
        int unlabelled = found.Count(item => item.Class is null);
        if (classes.Length > 0 && unlabelled > 0) { warnings.Add($"{set}: {unlabelled} pictures lie beside the class folders; they have no label"); }
        var index = classes.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        var items = found.Select((item, i) => new PictureItem(paths[kept[i]][root..], item.Class is null ? -1 : index[item.Class], item.Split));
        return (classes, [.. items], [.. kept], warnings);
    }

    // An archive often has one folder around everything. It is passed over where the splits lie right below it.
    public static int RootLength(IReadOnlyList<string> paths)
    {
        int length = paths[0].IndexOf('/') + 1;
        if (length == 0 || SplitOf(paths[0][..(length - 1)]) != PictureSplit.None || !paths.All(path => path.StartsWith(paths[0][..length], StringComparison.Ordinal))) { return 0; }
        string[][] below = [.. paths.Select(path => path[length..].Split('/'))];
        return Splits(below).Count > 0 ? length : 0;
    }

    // A folder of that name is a split where it holds class folders, or where all top folders have such names. A class may be called "train", too.
    static Dictionary<string, PictureSplit> Splits(string[][] parts)
    {
        var tops = parts.Where(path => path.Length > 1).GroupBy(path => path[0]).ToList();
        bool all = tops.Count > 0 && tops.All(top => SplitOf(top.Key) != PictureSplit.None) && parts.All(path => path.Length > 1);
        return tops.Where(top => SplitOf(top.Key) != PictureSplit.None && (all || top.Any(path => path.Length > 2)))
            .ToDictionary(top => top.Key, top => SplitOf(top.Key));
    }

    /// <summary>True for the names of splits.</summary>
    public static bool IsSplit(string folder) => SplitOf(folder) != PictureSplit.None;

    /// <summary>The split that a folder's name means; None for other names.</summary>
    public static PictureSplit SplitOf(string folder) => folder.ToLowerInvariant() switch
    {
        "train" or "training" => PictureSplit.Train,
        "val" or "valid" or "validation" => PictureSplit.Validation,
        "test" or "testing" => PictureSplit.Test,
        _ => PictureSplit.None,
    };

    static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];

    static bool Ends(string path, string[] endings) => endings.Any(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
}
