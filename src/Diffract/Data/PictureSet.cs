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

    /// <param name="name">The folder or archive, for people.</param> <param name="classNames">One list for all splits, in ordinal order.</param>
    /// <param name="warnings">What a person should know about how the set was read.</param>
    /// <param name="read">The bytes of the item at an index; called from several threads at a time.</param>
    public PictureSet(string name, IReadOnlyList<string> classNames, IReadOnlyList<PictureItem> items, IReadOnlyList<string> warnings, Func<int, byte[]> read)
    {
        (Name, ClassNames, Items, Warnings, _read) = (name, classNames, items, warnings, read);
    }

    public string Name { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public IReadOnlyList<PictureItem> Items { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The file of one picture. May be called from several threads at a time.</summary>
    /// <exception cref="PictureException">It cannot be read.</exception>
    public byte[] ReadBytes(int index) => _read(index);

    /// <summary>Reads a folder, an archive where the path is a file, or the built-in pictures where it begins with "builtin:".</summary>
    /// <inheritdoc cref="ImageFolder.Read"/>
    public static PictureSet Open(string path) => path.StartsWith(BuiltInSet.Prefix, StringComparison.Ordinal) ? BuiltInSet.Parse(path)
        : File.Exists(path) ? TarPictures.Read(path) : ImageFolder.Read(path);

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
        string[] names = [.. ClassNames.Union(test.ClassNames).Order(StringComparer.Ordinal)];
        var index = names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        var items = own.Select(i => Items[i] with { Class = Mapped(ClassNames, Items[i].Class) })
            .Concat(taken.Select(i => test.Items[i]).Select(item => new PictureItem(
                item.Path.StartsWith("test/", StringComparison.Ordinal) ? item.Path : "test/" + item.Path, Mapped(test.ClassNames, item.Class), PictureSplit.Test)));
        string[] warnings = own.Length == Items.Count
            ? [.. Warnings, .. test.Warnings]
            : [.. Warnings, .. test.Warnings, $"{Name}: its own {Items.Count - own.Length} test pictures are left out, since {test.Name} is given"];
        return new PictureSet(Name, names, [.. items], warnings, i => i < own.Length ? ReadBytes(own[i]) : test.ReadBytes(taken[i - own.Length]));

        int Mapped(IReadOnlyList<string> classes, int label) => label < 0 ? label : index[classes[label]];
    }
}
