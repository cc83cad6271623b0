namespace Diffract.Data;

/// <summary>Stanford Dogs: a folder a breed, and a list of files and labels for each split in a MATLAB file.</summary>
/// <remarks>Khosla et al. 2011.</remarks>
static class DogsLayout
{
    public const string Needs = "train_list.mat and test_list.mat (beside Images/ or in lists/), Images/";

    static readonly (string List, PictureSplit Split)[] Lists = [("train_list.mat", PictureSplit.Train), ("test_list.mat", PictureSplit.Test)];

    public static bool Matches(SetFiles files) => Lists.All(list => Find(files, list.List) is not null);

    public static PictureSet Read(SetFiles files)
    {
        var listed = Lists.Select(list => (list.List, list.Split, Mat: MatFile.Read(files, Find(files, list.List)!)))
            .SelectMany(list => Rows(list.List, list.Split, list.Mat)).ToList();
        string[] breeds = Breeds(files, listed);
        var pictures = new ListedPictures(files, "dogs", breeds);
        foreach (var (_, path, label, split) in listed) { pictures.Add("Images/" + path, label - 1, split); }
        return pictures.ToSet(ExpectedCounts.Dogs, PictureSplit.Train, PictureSplit.Test);

        IEnumerable<(string List, string Path, int Label, PictureSplit Split)> Rows(string list, PictureSplit split, MatFile mat)
        {
            string[] paths = mat.Texts("file_list");
            int[] labels = mat.Integers("labels");
            return paths.Length == labels.Length ? paths.Zip(labels, (path, label) => (list, path, label, split))
                : throw new PictureException($"{files.Name}/{list}: {paths.Length} files have {labels.Length} labels; the list is damaged");
        }
    }

    // The name of a breed is its folder's; the label must be the same wherever the folder is named.
    static string[] Breeds(SetFiles files, List<(string List, string Path, int Label, PictureSplit Split)> listed)
    {
        var folders = new SortedDictionary<int, string>();
        foreach (var (list, path, label, _) in listed)
        {
            string folder = path[..Math.Max(path.IndexOf('/'), 0)];
            if (label < 1 || label > listed.Count) { throw new PictureException($"{files.Name}/{list}: {path} has label {label}; labels count from 1"); }
            if (folders.TryAdd(label, folder)) { continue; }
            if (folders[label] != folder) { throw new PictureException($"{files.Name}/{list}: {path} has label {label}, which is {folders[label]} elsewhere in the lists"); }
        }
        return [.. Enumerable.Range(1, folders.Count > 0 ? folders.Keys.Max() : 0).Select(label => folders.GetValueOrDefault(label) ?? $"breed {label}")];
    }

    static string? Find(SetFiles files, string name) => new[] { name, "lists/" + name }.FirstOrDefault(files.Has);
}
