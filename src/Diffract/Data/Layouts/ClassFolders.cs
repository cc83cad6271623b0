namespace Diffract.Data;

/// <summary>A folder a class, with or without folders for the splits around them: see <see cref="ImageFolder.Read"/>.</summary>
static class ClassFolders
{
    /// <exception cref="PictureException">There is no picture.</exception>
    public static PictureSet Read(SetFiles files)
    {
        string[] all = [.. files.Files("")];
        string[] paths = [.. all.Where(PictureLayout.IsPicture)];
        int others = all.Count(PictureLayout.IsOtherPicture);
        if (paths.Length == 0)
        {
            throw new PictureException($"{files.Name}: there are no .jpg, .jpeg, .png or .webp files among its {all.Length} files" + (others > 0 ? $" ({others} of other picture formats)" : "") + ". Put pictures there, in one folder a class.");
        }
        Array.Sort(paths, PictureLayout.Order);
        var (classes, items, kept, warnings) = PictureLayout.Arrange(files.Name, paths);
        if (others > 0) { warnings.Add($"{files.Name}: {others} pictures of formats that are not read (GIF, BMP, TIFF ...) are left out"); }
        warnings.AddRange(Empty(files, paths));
        return new PictureSet(files.Name, classes, items, [.. files.Warnings, .. warnings], i => files.Read(paths[kept[i]]))
        {
            Layout = DataLayout.Folders.Name,
            Declared = Declared(files, paths[0][..PictureLayout.RootLength(paths)].TrimEnd('/'), items, paths),
        };
    }

    // Folders with the name of a split, but for one that is read as a class: it holds pictures, and there are no splits.
    static DeclaredSplit[] Declared(SetFiles files, string root, PictureItem[] items, string[] paths)
    {
        string above = root.Length > 0 ? root + "/" : "";
        bool hasSplits = items.Any(item => item.Split != PictureSplit.None);
        return [.. files.Folders(root).Where(PictureLayout.IsSplit).Where(folder => hasSplits || !paths.Any(path => path.StartsWith($"{above}{folder}/", StringComparison.Ordinal)))
            .Select(folder => new DeclaredSplit(PictureLayout.SplitOf(folder), $"the folder {above}{folder}/",
                $"Put its pictures there, in one folder a class, {(PictureLayout.SplitOf(folder) == PictureSplit.Train ? "or give a set with training pictures" : "or remove the folder to have a part of the training pictures set aside")}."))];
    }

    // Folders with the place of a split or of a class that hold no picture: something is missing there, or in another format.
    static IEnumerable<string> Empty(SetFiles files, string[] paths)
    {
        var full = new HashSet<string>();
        foreach (string path in paths)
        {
            for (int end = path.LastIndexOf('/'); end > 0 && full.Add(path[..end]);) { end = path.LastIndexOf('/', end - 1); }
        }
        string[] tops = [.. files.Folders("")];
        string[] empty = [.. tops.Concat(tops.Where(PictureLayout.IsSplit).SelectMany(split => files.Folders(split).Select(name => $"{split}/{name}"))).Where(folder => !full.Contains(folder))];
        if (empty.Length == 1) { yield return $"{files.Name}: the folder {empty[0]} holds no pictures"; }
        if (empty.Length > 1) { yield return $"{files.Name}: {empty.Length} folders hold no pictures: {string.Join(", ", empty.Take(5))}{(empty.Length > 5 ? " ..." : "")}"; }
    }
}
