namespace Diffract.Data;

/// <summary>The part of a set that a picture belongs to.</summary>
public enum PictureSplit
{
    /// <summary>The set has no splits.</summary>
    None,
    Train,
    Validation,
    Test,
}

/// <summary>One picture of a set.</summary>
/// <param name="Path">Relative to the set's root, parts joined by '/'.</param>
/// <param name="Class">Index into the set's class names; -1 where the picture has no label.</param>
public sealed record PictureItem(string Path, int Class, PictureSplit Split);

/// <summary>Pictures that are still files: what they are called, what they show, and how to get their bytes.</summary>
public sealed class PictureSet
{
    /// <summary>Files beyond this are no pictures and are not read.</summary>
    public const long MostFileBytes = 256L << 20;

    readonly Func<int, byte[]> _read;

    /// <param name="name">The folder or archive, for people.</param> <param name="classNames">One list for all splits: of published sets in their authors' order, else in ordinal order.</param>
    /// <param name="warnings">What a person should know about how the set was read.</param>
    /// <param name="read">The bytes of the item at an index; called from several threads at a time.</param>
    public PictureSet(string name, IReadOnlyList<string> classNames, IReadOnlyList<PictureItem> items, IReadOnlyList<string> warnings, Func<int, byte[]> read)
    {
        (Name, ClassNames, Items, Warnings, _read) = (name, classNames, items, warnings, read);
    }

    public string Name { get; }

    /// <summary>How the pictures lie on disk: "folders", "cub" ...; null for pictures that are not there.</summary>
    public string? Layout { get; init; }

    /// <summary>How many pictures the set that this is has as published; null where that is not known.</summary>
    public ExpectedCounts? Expected { get; init; }

    /// <summary>Splits that the set says it has; <see cref="Splits.Resolve"/> refuses a training or test part without labelled pictures instead of setting others aside in its place.</summary>
    public IReadOnlyList<DeclaredSplit> Declared { get; init; } = [];

    public IReadOnlyList<string> ClassNames { get; }

    public IReadOnlyList<PictureItem> Items { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The file of one picture. May be called from several threads at a time.</summary>
    /// <exception cref="PictureException">It cannot be read.</exception>
    public byte[] ReadBytes(int index) => _read(index);

    /// <summary>
    /// Reads a folder, an archive or a list where the path is a file, or the built-in pictures where it begins with "builtin:". The layouts in which data sets
    /// are published are recognised by their files; others are class folders, see <see cref="ImageFolder.Read"/>. Counts other than the published ones become warnings.
    /// </summary>
    /// <exception cref="PictureException">There are no pictures, or something cannot be read.</exception>
    public static PictureSet Open(string path, PictureSetOptions? options = null)
    {
        options ??= new();
        bool builtIn = path.StartsWith(BuiltInSet.Prefix, StringComparison.Ordinal);
        if (builtIn && options.Layout is not null) { throw new PictureException($"{path}: built-in pictures have no layout; leave it out"); }
        var set = builtIn ? BuiltInSet.Parse(path) : File.Exists(path) ? OpenFile(path, options) : DataLayout.Open(new FolderFiles(path, options.CacheFolder), options.Layout);
        if (options.Classes is not null) { set = set.OfClasses(options.Classes); }
        return set.Expected is null ? set : set.With([.. set.Warnings, .. set.Expected.Differences(set)]);
    }

    // An archive or a list: a list is text, while archives have zeros in their first block.
    static PictureSet OpenFile(string path, PictureSetOptions options)
    {
        if (PictureLayout.IsPicture(path) || PictureLayout.IsOtherPicture(path))
        {
            throw new PictureException($"{path}: is one picture; give a folder of class folders, an archive of one, or a list (`diffract predict` takes single pictures)");
        }
        var start = new byte[4096];
        try
        {
            if (new FileInfo(path).Length == 0) { throw new PictureException($"{path}: the file is empty, or is a pipe or device; give a folder, an archive or a list"); } // they would be waited for
            using var file = File.OpenRead(path);
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException) { throw new PictureException($"{path}: cannot be read: {cause.Message}", cause); }
        if (start is [0x1F, 0x8B, ..] || start.Contains((byte)0)) { return DataLayout.Open(TarFiles.Open(path, options.CacheFolder), options.Layout); }
        return options.Layout is null or "csv" ? CsvLayout.Read(new FolderFiles(Path.GetDirectoryName(Path.GetFullPath(path))!), Path.GetFileName(path))
            : throw new PictureException($"{path}: a text file, which can be a list (csv) but not the layout '{options.Layout}'; give the folder or archive");
    }

    /// <summary>The pictures of some classes, which keep their order; pictures without label are left out.</summary>
    /// <param name="names">Names of classes, or lines that begin with a synset and a space.</param>
    /// <exception cref="PictureException">The set has no class of that name.</exception>
    public PictureSet OfClasses(IReadOnlyList<string> names)
    {
        var index = ClassNames.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        string[] unknown = [.. names.Where(name => Find(name) < 0)];
        if (unknown.Length > 0)
        {
            string some = string.Join(", ", unknown.Take(5).Select(name => $"'{name}'"));
            throw new PictureException($"{Name}: {unknown.Length} of {names.Count} classes that are asked for are not there: {some}. Its classes are {string.Join(", ", ClassNames.Take(3))} ...");
        }
        int[] classes = [.. names.Select(Find).Distinct().Order()];
        int[] items = [.. Enumerable.Range(0, Items.Count).Where(i => Array.BinarySearch(classes, Items[i].Class) >= 0)];
        string[] kept = [.. classes.Select(label => ClassNames[label])];
        return new PictureSet(Name, kept, [.. items.Select(i => Items[i] with { Class = Array.BinarySearch(classes, Items[i].Class) })], Warnings, i => ReadBytes(items[i]))
        {
            Layout = Layout,
            Declared = Declared,
            Expected = classes.Length == ClassNames.Count ? Expected : Layout == "imagenet" ? ImageNetLayout.Expected(kept) : null,
        };

        int Find(string name) => index.TryGetValue(name, out int label) || (name.Split(' ')[0] is var first && ImageNetLayout.IsSynset(first) && index.TryGetValue(first, out label)) ? label : -1;
    }

    /// <summary>The same pictures with other classes.</summary>
    /// <param name="map">From each class to its place in <paramref name="names"/>; -1 leaves its pictures without label.</param>
    internal PictureSet WithClasses(IReadOnlyList<string> names, IReadOnlyList<int> map) =>
        new(Name, names, [.. Items.Select(item => item.Class < 0 ? item : item with { Class = map[item.Class] })], Warnings, _read) { Layout = Layout };

    /// <summary>The same pictures with other warnings.</summary>
    internal PictureSet With(IReadOnlyList<string> warnings) => new(Name, ClassNames, Items, warnings, _read) { Layout = Layout, Expected = Expected, Declared = Declared };

    /// <summary>
    /// This set followed by the pictures of another as its test split. Classes are matched by name; paths of the other set are put under "test/".
    /// Where the other set has splits of its own, its test pictures are taken.
    /// </summary>
    /// <exception cref="PictureException">The other set has splits, but no test pictures.</exception>
    public PictureSet WithTest(PictureSet test)
    {
        bool hasSplits = test.Items.Any(item => item.Split != PictureSplit.None);
        int[] taken = [.. Enumerable.Range(0, test.Items.Count).Where(i => !hasSplits || test.Items[i].Split == PictureSplit.Test)];
        if (taken.Length == 0) { throw new PictureException($"{test.Name}: holds no test pictures; give the folder of the test pictures itself"); }

        int[] own = [.. Enumerable.Range(0, Items.Count).Where(i => Items[i].Split != PictureSplit.Test)];
        string[] names = test.ClassNames.Except(ClassNames).Any() ? [.. ClassNames.Union(test.ClassNames).Order(StringComparer.Ordinal)] : [.. ClassNames];
        var index = names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        var items = own.Select(i => Items[i] with { Class = Mapped(ClassNames, Items[i].Class) })
            .Concat(taken.Select(i => test.Items[i]).Select(item => new PictureItem(
                item.Path.StartsWith("test/", StringComparison.Ordinal) ? item.Path : "test/" + item.Path, Mapped(test.ClassNames, item.Class), PictureSplit.Test)));
        string[] warnings = own.Length == Items.Count
            ? [.. Warnings, .. test.Warnings]
            : [.. Warnings, .. test.Warnings, $"{Name}: its own {Items.Count - own.Length} test pictures are left out, since {test.Name} is given"];
        return new PictureSet(Name, names, [.. items], warnings, i => i < own.Length ? ReadBytes(own[i]) : test.ReadBytes(taken[i - own.Length]))
        {
            Layout = Layout,
            Declared =                                                                     // of its own parts the training part alone is needed
            [
                .. Declared.Where(declared => declared.Split == PictureSplit.Train),
                new(PictureSplit.Test, $"{test.Name}, given as the test set,", "Put its pictures into one folder a class."),
            ],
        };

        int Mapped(IReadOnlyList<string> classes, int label) => label < 0 ? label : index[classes[label]];
    }
}
