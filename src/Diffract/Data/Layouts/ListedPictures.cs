namespace Diffract.Data;

/// <summary>Collects the pictures that the lists of a data set name, and what is wrong with the lists.</summary>
/// <param name="classNames">In the authors' order; of names that come twice the later get their number.</param>
sealed class ListedPictures(SetFiles files, string layout, IReadOnlyList<string> classNames)
{
    const int Named = 3;

    readonly List<PictureItem> _items = [];
    readonly Dictionary<string, PictureItem> _seen = [];
    readonly List<PictureItem> _missing = [];
    readonly List<string> _twice = [], _contradicting = [], _warnings = [];

    /// <summary>The file that would have labels where there are none; null where the lists themselves have them.</summary>
    public string? LabelList { get; init; }

    /// <param name="label">Index into the class names, or -1.</param>
    public void Add(string path, int label, PictureSplit split)
    {
        var item = new PictureItem(path, label, split);
        if (!_seen.TryAdd(path, item)) { (_seen[path] == item ? _twice : _contradicting).Add(path); }
        else if (!files.Has(path)) { _missing.Add(item); }
        else { _items.Add(item); }
    }

    public void Warn(string text) => _warnings.Add($"{files.Name}: {text}");

    /// <param name="splits">That the data set has.</param>
    /// <exception cref="PictureException">None of the pictures is there, or the lists contradict each other.</exception>
    public PictureSet ToSet(ExpectedCounts? expected, params PictureSplit[] splits)
    {
        if (_items.Count == 0)
        {
            string first = _missing.Count > 0 ? $"; the first is {_missing[0].Path}" : "";
            throw new PictureException($"{files.Name}: none of the {_seen.Count} pictures that its lists name is there{first}. Unpack the pictures beside the lists.");
        }
        if (_missing.Count > 0) { Warn($"{_missing.Count} listed pictures are missing: {Some([.. _missing.Select(item => item.Path)])}"); }
        if (_twice.Count > 0) { Warn($"{_twice.Count} pictures are listed twice and taken once: {Some(_twice)}"); }
        if (_contradicting.Count > 0) { throw new PictureException($"{files.Name}: {_contradicting.Count} pictures are listed twice, with another class or split the second time: {Some(_contradicting)}. Correct the lists, or take them from the authors anew."); }
        foreach (var split in splits.Where(split => !_items.Exists(item => item.Split == split))) { Warn($"there are no {split.ToString().ToLowerInvariant()} pictures"); }
        var full = _items.Select(item => item.Class).ToHashSet();
        string[] names = Distinct(), empty = [.. names.Where((_, label) => !full.Contains(label))];
        if (empty.Length > 0) { Warn($"{empty.Length} classes have no pictures: {Some(empty)}"); }
        return new PictureSet(files.Name, names, _items, [.. files.Warnings, .. _warnings], i => files.Read(_items[i].Path))
        {
            Layout = layout, Expected = expected,
            Declared = [.. splits.Where(split => split != PictureSplit.None && _seen.Values.Any(item => item.Split == split)).Select(Declared)],
        };
    }

    // Of a split that the lists name.
    DeclaredSplit Declared(PictureSplit split)
    {
        int listed = _seen.Values.Count(item => item.Split == split);
        string remedy = _missing.Find(item => item.Split == split) is { } first ? $"The first that is missing is {first.Path}. Unpack the pictures beside the lists"
            : LabelList is null ? "Write their labels into the list" : $"Put {LabelList}, the list of their labels, beside the others";
        return new(split, $"the {split.ToString().ToLowerInvariant()} part, of which the lists name {listed},", $"{remedy}{(split == PictureSplit.Test ? ", or give other test pictures (--test DIR)" : "")}.");
    }

    string[] Distinct()
    {
        var seen = new HashSet<string>();
        return [.. classNames.Select((name, i) => seen.Add(name) ? name : $"{name} ({i + 1})")];
    }

    static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(Named)) + (names.Count > Named ? " ..." : "");
}
