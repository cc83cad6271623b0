using Microsoft.Win32.SafeHandles;

namespace Diffract.Data;

/// <summary>Files below a folder. Links are followed; names that begin with a dot are passed over.</summary>
sealed class FolderFiles : SetFiles
{
    const int MostDepth = 32, MostLinks = 3;

    readonly string _root;
    readonly string? _cacheFolder;

    /// <exception cref="PictureException">There is no such folder.</exception>
    public FolderFiles(string folder, string? cacheFolder = null) : base(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))))
    {
        if (!Directory.Exists(folder)) { throw new PictureException($"{folder}: there is no such folder or archive{(Path.IsPathRooted(folder) ? "" : $" in {Directory.GetCurrentDirectory()}")}"); }
        (_root, _cacheFolder) = (folder, cacheFolder);
    }

    public override bool Has(string path) => StaysInside(path) && File.Exists(Path.Combine(_root, path));

    public override IReadOnlyList<string> Folders(string folder)
    {
        var info = new DirectoryInfo(Path.Combine(_root, folder));
        return info.Exists ? Guarded(() => (string[])[.. info.EnumerateDirectories().Select(below => below.Name).Where(name => !name.StartsWith('.')).Order(StringComparer.Ordinal)]) : [];
    }

    public override IEnumerable<string> Files(string folder)
    {
        var info = new DirectoryInfo(Path.Combine(_root, folder));
        var paths = new List<string>();
        return info.Exists ? Guarded(() => Walk(info, folder.Length > 0 ? folder + "/" : "", [], links: 0, paths)) : paths;
    }

    public override SetFiles Below(string folder) => new FolderFiles(Path.Combine(_root, folder), _cacheFolder);

    public override long Length(string path) => Opened(path, RandomAccess.GetLength);

    public override void ReadAt(string path, long offset, Span<byte> target)
    {
        try
        {
            using var handle = Open(path);
            Fill(handle, path, offset, target);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or NotSupportedException) { throw Unreadable(path, cause); }
    }

    public override byte[] Read(string path, long most = PictureSet.MostFileBytes) => Opened(path, handle =>
    {
        long length = RandomAccess.GetLength(handle);
        if (length > most) { throw new PictureException($"{path}: the file has {length >> 20} MiB; at most {most >> 20} are read"); }
        var bytes = GC.AllocateUninitializedArray<byte>((int)length);
        Fill(handle, path, 0, bytes);
        return bytes;
    });

    public override (SetFiles Files, string Path) Expanded(string path)
    {
        try
        {
            string expanded = ExpandedFile.Of(Path.Combine(_root, path), "", _cacheFolder ?? ExpandedFile.DefaultFolder, static _ => { });
            return (new FolderFiles(Path.GetDirectoryName(expanded)!), Path.GetFileName(expanded));
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or InvalidDataException) { throw new PictureException($"{Name}/{path}: cannot be expanded: {cause.Message}", cause); }
    }

    // Not a pipe or a device, which would be waited for: they have no length.
    SafeFileHandle Open(string path)
    {
        var file = new FileInfo(Path.Combine(_root, path));
        return file.Length > 0 ? File.OpenHandle(file.FullName) : throw new PictureException($"{path}: the file is empty, or is a pipe or device");
    }

    T Opened<T>(string path, Func<SafeFileHandle, T> use)
    {
        try
        {
            using var handle = Open(path);
            return use(handle);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or NotSupportedException) { throw Unreadable(path, cause); }
    }

    // Folders that link to one another would multiply without end.
    static List<string> Walk(DirectoryInfo folder, string prefix, List<string> above, int links, List<string> paths)
    {
        if (links > MostLinks) { throw new IOException($"links to folders lead through one another more than {MostLinks} deep at {prefix}; put folders in their place"); }
        string real = folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder.FullName;
        if (above.Contains(real)) { return paths; }                                    // a link to a folder above: a circle
        if (above.Count >= MostDepth) { throw new IOException($"folders are nested more than {MostDepth} deep at {prefix}"); }
        above.Add(real);
        foreach (var entry in new DirectoryInfo(real).EnumerateFileSystemInfos())
        {
            if (entry.Name.StartsWith('.')) { continue; }
            if (entry is DirectoryInfo below) { Walk(below, prefix + entry.Name + "/", above, links + (below.LinkTarget is null ? 0 : 1), paths); }
            else { paths.Add(prefix + entry.Name); }
        }
        above.RemoveAt(above.Count - 1);
        return paths;
    }

    static void Fill(SafeFileHandle handle, string path, long offset, Span<byte> target)
    {
        for (int at = 0; at < target.Length;)
        {
            int count = RandomAccess.Read(handle, target[at..], offset + at);
            if (count == 0) { throw new PictureException($"{path}: the file ended at byte {offset + at} of {offset + target.Length} while it was read"); }
            at += count;
        }
    }

    T Guarded<T>(Func<T> read)
    {
        try { return read(); }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException) { throw new PictureException($"{_root}: cannot be read: {cause.Message}", cause); }
    }

    static PictureException Unreadable(string path, Exception cause) => new($"{path}: cannot be read: {cause.Message}", cause);
}
