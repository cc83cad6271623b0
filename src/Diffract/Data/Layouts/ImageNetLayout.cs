namespace Diffract.Data;

/// <summary>ImageNet's classification task and parts of it: a folder a synset for training, and validation pictures in such folders, too, or in one with a list of their labels.</summary>
/// <remarks>Russakovsky et al. 2015. Classes are synsets such as n01440764, in ordinal order, as published heads count them.</remarks>
static class ImageNetLayout
{
    public const string Needs = "Data/CLS-LOC/train/ (with or without ILSVRC/ around it) or train/, with a folder for each synset, such as n01440764, and val/ beside it";

    static readonly string[] Roots = ["ILSVRC/Data/CLS-LOC/", "Data/CLS-LOC/", ""];

    public static bool Matches(SetFiles files) => Root(files) is not null;

    public static PictureSet Read(SetFiles files)
    {
        string root = Root(files)!;
        var (found, warnings) = (new List<(string Path, string? Synset, PictureSplit Split)>(), new List<string>());
        Walk("train", PictureSplit.Train);
        Walk("val", PictureSplit.Validation);
        if (files.Folders(root + "test").Any(IsSynset)) { Walk("test", PictureSplit.Test); }

        LabelFlat(files, root, found, warnings);
        string[] synsets = [.. found.Where(item => item.Synset is not null).Select(item => item.Synset!).Distinct().Order(StringComparer.Ordinal)];
        var index = synsets.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        string[] empty = [.. files.Folders(root + "train").Where(name => IsSynset(name) && !index.ContainsKey(name))];
        if (empty.Length > 0) { warnings.Add($"{files.Name}: {empty.Length} synsets have no pictures: {string.Join(", ", empty.Take(3))}{(empty.Length > 3 ? " ..." : "")}"); }
        if (found.Count == 0) { throw new PictureException($"{files.Name}: there are no pictures in {root}train/ and {root}val/"); }

        var items = found.OrderBy(item => item.Path, PictureLayout.Order).Select(item => new PictureItem(item.Path, item.Synset is null ? -1 : index[item.Synset], item.Split)).ToArray();
        return new PictureSet(files.Name, synsets, items, [.. files.Warnings, .. warnings], i => files.Read(items[i].Path))
        {
            Layout = "imagenet", Expected = Expected(synsets), Declared = [.. Declared(files, root)],
        };

        // The folder right below a split is the synset; pictures right in the split have no label yet.
        void Walk(string part, PictureSplit split)
        {
            int strange = 0, count = found.Count;
            foreach (string path in files.Files(root + part).Where(PictureLayout.IsPicture))
            {
                string below = path[(root.Length + part.Length + 1)..];
                string? folder = below.IndexOf('/') is > 0 and var end ? below[..end] : null;
                if (folder is null || IsSynset(folder)) { found.Add((path, folder is null ? null : string.Intern(folder), split)); }
                else { strange++; }
            }
            if (strange > 0) { warnings.Add($"{files.Name}: {strange} pictures in {root}{part}/ lie in folders that are no synsets and are left out"); }
            if (found.Count == count) { warnings.Add($"{files.Name}: there are no pictures in {root}{part}/"); }
        }
    }

    /// <summary>The published counts for these classes: all 1,000, or those of ImageNet-50.</summary>
    public static ExpectedCounts? Expected(IReadOnlyList<string> synsets) =>
        synsets.Count == ExpectedCounts.ImageNet.Classes ? ExpectedCounts.ImageNet : synsets.SequenceEqual(ClassList.ImageNet50) ? ExpectedCounts.ImageNet50 : null;

    public static bool IsSynset(string name) => name is ['n', .. { Length: 8 } digits] && digits.All(char.IsAsciiDigit);

    static string? Root(SetFiles files) => Roots.FirstOrDefault(root => files.Folders(root + "train") is { Count: > 0 } folders && folders.All(IsSynset));

    static IEnumerable<DeclaredSplit> Declared(SetFiles files, string root)
    {
        if (files.Folders(root + "val").Any(IsSynset)) { yield return Folder("val", PictureSplit.Validation, ""); }
        else if (files.Folders(root.TrimEnd('/')).Contains("val"))
        {
            yield return Folder("val", PictureSplit.Validation, $", or their labels into {files.Name}/: {ImageNetLabels.Needs}");
        }
        if (files.Folders(root + "test").Any(IsSynset)) { yield return Folder("test", PictureSplit.Test, ""); }

        DeclaredSplit Folder(string part, PictureSplit split, string labels) => new(split, $"the folder {root}{part}/",
            $"Put its pictures there in one folder a synset{labels}; or remove the folder to have a part of the training pictures set aside.");
    }

    static void LabelFlat(SetFiles files, string root, List<(string Path, string? Synset, PictureSplit Split)> found, List<string> warnings)
    {
        int[] flat = [.. Enumerable.Range(0, found.Count).Where(i => found[i].Synset is null)];
        if (flat.Length == 0) { return; }
        var labels = ImageNetLabels.Find(files);
        var (unlabelled, unnamed) = (0, new List<string>());
        foreach (int i in flat)
        {
            var (path, _, split) = found[i];
            string name = Path.GetFileNameWithoutExtension(path);
            if (split == PictureSplit.Validation && labels is not null && labels.TryGetValue(name, out var synset)) { found[i] = (path, synset, split); }
            else
            {
                unlabelled++;
                if (split == PictureSplit.Validation && labels is not null) { unnamed.Add(path); }
            }
        }
        if (unnamed.Count > 0) { throw new PictureException($"{files.Name}: the list of validation labels does not name {unnamed.Count} of the validation pictures, such as {unnamed.Min(StringComparer.Ordinal)}; it is cut off or of another version. Fetch it anew, or take those pictures away."); }
        if (unlabelled == 0) { return; }
        warnings.Add($"{files.Name}: {unlabelled} pictures have no label{(labels is null ? $"; for those of {root}val/ put one of these beside it: {ImageNetLabels.Needs}" : "")}");
    }
}
