namespace Diffract.Data;

/// <summary>Pictures in folders.</summary>
public static class ImageFolder
{
    const int MostDepth = 32;

    /// <summary>
    /// All .jpg, .jpeg, .png and .webp files below a folder. A picture's class is the name of the folder it lies in; classes are numbered in ordinal order.
    /// Folders train, val or validation, and test at the top are splits. Pictures in the top folder, or right in a split, have no label (-1).
    /// Links are followed; names that begin with a dot are passed over.
    /// </summary>
    /// <exception cref="PictureException">There is no such folder, it cannot be read, or there is no picture in it.</exception>
    public static PictureSet Read(string folder)
    {
        if (!Directory.Exists(folder)) { throw new PictureException($"{folder}: there is no such folder or archive"); }
        var paths = new List<string>();
        int others = 0;
        try { Walk(new DirectoryInfo(folder), "", [], paths, ref others); }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException) { throw new PictureException($"{folder}: cannot be read: {cause.Message}", cause); }
        if (paths.Count == 0)
        {
            throw new PictureException($"{folder}: there are no .jpg, .jpeg, .png or .webp files in it or below" + (others > 0 ? $" ({others} of other picture formats)" : ""));
        }

        paths.Sort(PictureLayout.Order);
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var (classes, items, kept, warnings) = PictureLayout.Arrange(name, paths);
        if (others > 0) { warnings.Add($"{name}: {others} pictures of formats that are not read (GIF, BMP, TIFF ...) are left out"); }
        return new PictureSet(name, classes, items, warnings, i => ReadFile(Path.Combine(folder, paths[kept[i]]), paths[kept[i]]));
    }

    static void Walk(DirectoryInfo folder, string prefix, List<string> above, List<string> paths, ref int others)
    {
        string real = folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder.FullName;
        if (above.Contains(real)) { return; }                                          // a link to a folder above: a circle
        if (above.Count >= MostDepth) { throw new IOException($"folders are nested more than {MostDepth} deep at {prefix}"); }
        above.Add(real);
        foreach (var entry in new DirectoryInfo(real).EnumerateFileSystemInfos())
        {
            if (entry.Name.StartsWith('.')) { continue; }
            if (entry is DirectoryInfo below) { Walk(below, prefix + entry.Name + "/", above, paths, ref others); }
            else if (PictureLayout.IsPicture(entry.Name)) { paths.Add(prefix + entry.Name); }
            else if (PictureLayout.IsOtherPicture(entry.Name)) { others++; }
        }
        above.RemoveAt(above.Count - 1);
    }

    static byte[] ReadFile(string file, string name)
    {
        try
        {
            using var handle = File.OpenHandle(file);
            long length = RandomAccess.GetLength(handle);
            if (length > PictureSet.MostFileBytes) { throw new PictureException($"{name}: the file has {length >> 20} MiB; at most {PictureSet.MostFileBytes >> 20} are read"); }
            var bytes = GC.AllocateUninitializedArray<byte>((int)length);
            int at = 0;
            while (at < bytes.Length && RandomAccess.Read(handle, bytes.AsSpan(at), at) is > 0 and var count) { at += count; }
            return at == bytes.Length ? bytes : throw new PictureException($"{name}: the file ended at byte {at} of {length} while it was read");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or NotSupportedException) { throw new PictureException($"{name}: cannot be read: {cause.Message}", cause); }
    }
}
