namespace Diffract.Data;

/// <summary>A way in which pictures, labels and splits lie on disk.</summary>
/// <param name="Name">As --layout takes it.</param> <param name="Needs">The files by which it is recognised, for people.</param>
sealed record DataLayout(string Name, string Needs, Func<SetFiles, bool> Matches, Func<SetFiles, PictureSet> Read)
{
    public static readonly DataLayout Folders = new("folders", "a folder a class, or train/, val/, test/ with a folder a class in each", _ => true, ClassFolders.Read);

    /// <summary>What a folder is tried for. No two match the same files; where none does, it is read as <see cref="Folders"/>.</summary>
    public static readonly IReadOnlyList<DataLayout> Recognised =
    [
        new("imagenet", ImageNetLayout.Needs, ImageNetLayout.Matches, ImageNetLayout.Read),
        new("aircraft", AircraftLayout.Needs, AircraftLayout.Matches, AircraftLayout.Read),
        new("cars", CarsLayout.Needs, CarsLayout.Matches, CarsLayout.Read),
        new("cub", BirdsLayout.Needs, files => BirdsLayout.Matches(files, hierarchy: false), BirdsLayout.ReadCub),
        new("nabirds", BirdsLayout.Needs + " and hierarchy.txt", files => BirdsLayout.Matches(files, hierarchy: true), BirdsLayout.ReadNABirds),
        new("dogs", DogsLayout.Needs, DogsLayout.Matches, DogsLayout.Read),
        new("flowers", FlowersLayout.Needs, FlowersLayout.Matches, FlowersLayout.Read),
        new("cifar10", CifarLayout.Cifar10.Needs, CifarLayout.Cifar10.Matches, CifarLayout.Cifar10.Read),
        new("cifar100", CifarLayout.Cifar100.Needs, CifarLayout.Cifar100.Matches, CifarLayout.Cifar100.Read),
        new("idx", IdxLayout.Needs, IdxLayout.Matches, files => IdxLayout.Read(files)),
        new("csv", CsvLayout.Needs, CsvLayout.Matches, files => CsvLayout.Read(files, CsvLayout.FileName)),
    ];

    // MNIST and Fashion-MNIST have the same files: these say which one it is.
    static readonly DataLayout[] OnRequest =
    [
        new("mnist", IdxLayout.Needs, IdxLayout.Matches, files => IdxLayout.Read(files, fashion: false)),
        new("fashion-mnist", IdxLayout.Needs, IdxLayout.Matches, files => IdxLayout.Read(files, fashion: true)),
    ];

    /// <summary>All names that <see cref="Open"/> takes.</summary>
    public static IEnumerable<string> Names => Recognised.Concat(OnRequest).Append(Folders).Select(layout => layout.Name);

    /// <summary>
    /// Reads files in the layout that is named, or else in the one that they show. The set may lie in the root or, as archives often unpack, in one folder right below.
    /// </summary>
    /// <exception cref="PictureException">There is no layout of that name, the files are not laid out so, or show several layouts.</exception>
    public static PictureSet Open(SetFiles files, string? name = null)
    {
        if (name == Folders.Name) { return Folders.Read(files); }
        IReadOnlyList<DataLayout> tried = name is null ? Recognised : Recognised.Concat(OnRequest).SingleOrDefault(layout => layout.Name == name) is { } named ? [named]
            : throw new PictureException($"there is no layout '{name}'; known are {string.Join(", ", Names)}");
        var found = tried.Where(layout => layout.Matches(files)).Select(layout => (Layout: layout, Folder: "", Files: files)).ToList();
        if (found.Count == 0)
        {
            found = [.. from folder in files.Folders("") let below = files.Below(folder) from layout in tried where layout.Matches(below) select (layout, folder + "/", below)];
        }
        return found switch
        {
            [var only] when only.Folder.Length == 0 || name is not null || files.Folders("").Count == 1 => only.Layout.Read(only.Files),
            [var only] => Noted(only.Layout.Read(only.Files), $"{files.Name}: read as {only.Layout.Name} from {only.Folder}; the {files.Folders("").Count - 1} folders beside it are left out"),
            [] when name is null => Folders.Read(files),
            [] => throw new PictureException($"{files.Name}: not laid out as {name}, which needs {tried[0].Needs}; neither the folder itself nor one right below it has that"),
            _ => throw new PictureException($"{files.Name}: several data sets are there: {string.Join(", ", found.Take(8).Select(set => $"{set.Layout.Name}{(set.Folder.Length > 0 ? $" in {set.Folder}" : "")}"))}. "
                + (found[0].Folder.Length > 0 ? "Give the folder of one of them." : "Say which with --layout NAME.")),
        };
    }

    static PictureSet Noted(PictureSet set, string note) => set.With([note, .. set.Warnings]);
}
