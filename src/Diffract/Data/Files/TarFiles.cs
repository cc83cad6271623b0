using Microsoft.Win32.SafeHandles;

namespace Diffract.Data;

/// <summary>Files of a tar archive, each read from its place in it. Links and names that lead out of the archive are left out.</summary>
sealed class TarFiles : SetFiles
{
    readonly SafeFileHandle _archive;
    readonly Dictionary<string, (long Offset, long Size)> _places;
    readonly Dictionary<string, SortedSet<string>> _folders;
    readonly string _prefix;

    TarFiles(string name, SafeFileHandle archive, Dictionary<string, (long, long)> places, Dictionary<string, SortedSet<string>> folders, string prefix, IReadOnlyList<string> warnings) : base(name)
    {
        (_archive, _places, _folders, _prefix, Warnings) = (archive, places, folders, prefix, warnings);
    }

    public override IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads a .tar or .tar.gz, told apart by content; the latter is expanded once, see <see cref="ExpandedFile"/>.</summary>
    /// <exception cref="PictureException">The archive is missing, damaged, truncated or expands beyond reason.</exception>
    public static TarFiles Open(string file, string? cacheFolder = null)
    {
        string name = Path.GetFileName(file);
        try
        {
            var handle = File.OpenHandle(file, options: FileOptions.RandomAccess);
            Span<byte> magic = stackalloc byte[2];
            if (RandomAccess.Read(handle, magic, 0) != 2 || magic is not [0x1F, 0x8B]) { return Index(name, handle); }
            handle.Dispose();
            string expanded = ExpandedFile.Of(file, ".tar", cacheFolder ?? ExpandedFile.DefaultFolder, static expanded =>
            {
                using var check = File.OpenHandle(expanded);
                TarIndex.Of(check);
            });
            return Index(name, File.OpenHandle(expanded, options: FileOptions.RandomAccess));
        }
        catch (Exception cause) when (cause is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new PictureException($"{file}: cannot be read as .tar or .tar.gz: {cause.Message}. Give a folder of class folders, such an archive of one, or a list as text (path,label,split)", cause);
        }
    }

    public override bool Has(string path) => StaysInside(path) && _places.ContainsKey(_prefix + path);

    public override IReadOnlyList<string> Folders(string folder) => _folders.TryGetValue((_prefix + folder).TrimEnd('/'), out var names) ? [.. names] : [];

    public override IEnumerable<string> Files(string folder)
    {
        string below = _prefix + (folder.Length > 0 ? folder + "/" : "");
        return _places.Keys.Where(path => path.StartsWith(below, StringComparison.Ordinal)).Select(path => path[_prefix.Length..]);
    }

    public override SetFiles Below(string folder) => new TarFiles(Path.GetFileName(folder), _archive, _places, _folders, $"{_prefix}{folder}/", Warnings);

    public override long Length(string path) => Place(path).Size;

    public override void ReadAt(string path, long offset, Span<byte> target)
    {
        var place = Place(path);
        if (offset + target.Length > place.Size) { throw new PictureException($"{path}: the file ended at byte {place.Size} of {offset + target.Length} while it was read"); }
        try
        {
            for (int at = 0; at < target.Length;)
            {
                int count = RandomAccess.Read(_archive, target[at..], place.Offset + offset + at);
                if (count == 0) { throw new PictureException($"{path}: the archive has become shorter while it was read"); }
                at += count;
            }
        }
        catch (IOException cause) { throw new PictureException($"{path}: cannot be read: {cause.Message}", cause); }
    }

    public override byte[] Read(string path, long most = PictureSet.MostFileBytes)
    {
        long size = Length(path);
        if (size > most) { throw new PictureException($"{path}: the file has {size >> 20} MiB; at most {most >> 20} are read"); }
        var bytes = GC.AllocateUninitializedArray<byte>((int)size);
        ReadAt(path, 0, bytes);
        return bytes;
    }

    public override (SetFiles Files, string Path) Expanded(string path) => throw new PictureException($"{Name}/{path}: a compressed file within an archive is not read; unpack the archive");

    static TarFiles Index(string name, SafeFileHandle archive)
    {
        var index = TarIndex.Of(archive);
        var places = new Dictionary<string, (long, long)>();
        int outside = 0;
        foreach (var (entry, offset, size) in index.Files)
        {
            string[] parts = [.. entry.Split('/').Where((part, i) => part != "." && (part != "" || i == 0))];
            string path = string.Join('/', parts);
            if (path.EndsWith('/') || path.Length == 0) { continue; }                  // a folder, as the oldest archives note it
            if (parts.Any(part => part.StartsWith('.') && part != "..")) { continue; }  // as in folders
            if (!StaysInside(path)) { outside += PictureLayout.IsPicture(path) ? 1 : 0; }
            else { places[path] = (offset, size); }                                    // a later entry replaces an earlier one, as in extraction
        }
        List<string> warnings = [];
        if (index.Links > 0) { warnings.Add($"{name}: {index.Links} links are left out"); }
        if (index.Sparse > 0) { warnings.Add($"{name}: {index.Sparse} sparse entries are left out; pack them without --sparse"); }
        if (outside > 0) { warnings.Add($"{name}: {outside} pictures whose names lead out of the archive are left out"); }
        if (!index.HasEnd) { warnings.Add($"{name}: the archive has no end mark; it may be truncated"); }
        return new TarFiles(name, archive, places, FoldersOf(places.Keys), "", warnings);
    }

    static Dictionary<string, SortedSet<string>> FoldersOf(IEnumerable<string> paths)
    {
        var folders = new Dictionary<string, SortedSet<string>>();
        foreach (string path in paths)
        {
            for (int end = path.LastIndexOf('/'); end > 0;)
            {
                int start = path.LastIndexOf('/', end - 1);
                string parent = start < 0 ? "" : path[..start];
                if (!folders.TryGetValue(parent, out var names)) { folders[parent] = names = new(StringComparer.Ordinal); }
                if (!names.Add(path[(start + 1)..end])) { break; }                     // its parents are there, too
                end = start;
            }
        }
        return folders;
    }

    (long Offset, long Size) Place(string path) => _places.TryGetValue(_prefix + path, out var place) ? place : throw new PictureException($"{path}: there is no such file in the archive");
}
