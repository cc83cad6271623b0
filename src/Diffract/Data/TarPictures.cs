using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Diffract.Torch;
using Microsoft.Win32.SafeHandles;

namespace Diffract.Data;

/// <summary>Pictures in a tar archive. Nothing is extracted: a picture is read from its place in the archive.</summary>
public static class TarPictures
{
    // Pictures hardly compress; far beyond this an archive is a trap.
    const int MostExpansion = 50;
    const long AlwaysAllowed = 64L << 20, SpaceToLeave = 1L << 30;

    /// <summary>
    /// The pictures of a .tar or .tar.gz, told apart by content, laid out as <see cref="ImageFolder.Read"/> describes; one folder around
    /// everything is passed over. A compressed archive cannot be read at random, so it is expanded once into a file of
    /// <paramref name="cacheFolder"/>, which serves until the archive changes. Links and names that lead out of the archive are left out.
    /// </summary>
    /// <param name="cacheFolder">Default: diffract/archives in XDG_CACHE_HOME or ~/.cache.</param>
    /// <exception cref="PictureException">The archive is missing, damaged, truncated or expands beyond reason, or holds no pictures.</exception>
    public static PictureSet Read(string file, string? cacheFolder = null)
    {
        string name = Path.GetFileName(file);
        try
        {
            var handle = File.OpenHandle(file, options: FileOptions.RandomAccess);
            Span<byte> magic = stackalloc byte[2];
            if (RandomAccess.Read(handle, magic, 0) != 2 || magic is not [0x1F, 0x8B]) { return Index(name, handle); }
            handle.Dispose();
            string expanded = Expanded(file, cacheFolder ?? Path.Combine(CacheFolder.Root, "archives"));
            return Index(name, File.OpenHandle(expanded, options: FileOptions.RandomAccess));
        }
        catch (Exception cause) when (cause is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new PictureException($"{file}: cannot be read as .tar or .tar.gz: {cause.Message}", cause);
        }
    }

    static PictureSet Index(string name, SafeFileHandle archive)
    {
        var index = TarIndex.Of(archive);
        var warnings = new List<string>();
        var places = new SortedDictionary<string, (long Offset, int Size)>(PictureLayout.Order);
        int others = 0, outside = 0, large = 0;
        foreach (var (entry, offset, size) in index.Files)
        {
            string[] parts = [.. entry.Split('/').Where((part, i) => part != "." && (part != "" || i == 0))];
            string path = string.Join('/', parts);
            if (PictureLayout.IsOtherPicture(path)) { others++; }
            if (!PictureLayout.IsPicture(path)) { continue; }
            if (parts.Contains("..") || parts[0] == "") { outside++; }
            else if (size > PictureSet.MostFileBytes) { large++; }
            else { places[path] = (offset, (int)size); }                               // a later entry replaces an earlier one, as in extraction
        }
        Warn(index.Links, "links are left out");
        Warn(outside, "pictures whose names lead out of the archive are left out");
        Warn(large, $"files of more than {PictureSet.MostFileBytes >> 20} MiB are left out");
        Warn(others, "pictures of formats that are not read (GIF, BMP, TIFF ...) are left out");
        if (!index.HasEnd) { warnings.Add($"{name}: the archive has no end mark; it may be truncated"); }
        if (places.Count == 0) { throw new InvalidDataException($"no .jpg, .jpeg, .png or .webp files among its {index.Files.Count} files"); }

        string[] paths = [.. places.Keys];
        var (classes, items, kept, more) = PictureLayout.Arrange(name, paths);
        (long Offset, int Size)[] found = [.. kept.Select(i => places[paths[i]])];
        return new PictureSet(name, classes, items, [.. warnings, .. more], i => ReadEntry(archive, found[i].Offset, found[i].Size, items[i].Path));

        void Warn(int count, string what)
        {
            if (count > 0) { warnings.Add($"{name}: {count} {what}"); }
        }
    }

    static byte[] ReadEntry(SafeFileHandle archive, long offset, int size, string path)
    {
        try
        {
            var bytes = GC.AllocateUninitializedArray<byte>(size);
            for (int at = 0; at < size;)
            {
                int count = RandomAccess.Read(archive, bytes.AsSpan(at), offset + at);
                if (count == 0) { throw new PictureException($"{path}: the archive has become shorter while it was read"); }
                at += count;
            }
            return bytes;
        }
        catch (IOException cause) { throw new PictureException($"{path}: cannot be read: {cause.Message}", cause); }
    }

    static string Expanded(string file, string cacheFolder)
    {
        var info = new FileInfo(file);
        string key = $"{info.FullName}\0{info.Length}\0{info.LastWriteTimeUtc.Ticks}";
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16];
        string target = Path.Combine(cacheFolder, $"{Path.GetFileNameWithoutExtension(file)}-{hash}.tar");
        if (File.Exists(target)) { return target; }

        Directory.CreateDirectory(cacheFolder);
        string temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var from = new GZipStream(File.OpenRead(file), CompressionMode.Decompress))
            using (var to = new FileStream(temporary, FileMode.CreateNew))
            {
                Copy(from, to, AlwaysAllowed + MostExpansion * info.Length, new DriveInfo(Path.GetFullPath(cacheFolder)));
                to.Flush(flushToDisk: true);
            }
            using (var check = File.OpenHandle(temporary)) { TarIndex.Of(check); }      // a damaged archive is not kept
            File.Move(temporary, target, overwrite: true);
        }
        finally { File.Delete(temporary); }
        return target;
    }

    static void Copy(GZipStream from, FileStream to, long most, DriveInfo drive)
    {
        var buffer = new byte[1 << 20];
        long total = 0, checkedAt = -1;
        while (from.Read(buffer) is > 0 and var count)
        {
            total += count;
            if (total > most) { throw new InvalidDataException($"it expands to more than {most >> 20} MiB, {MostExpansion} times its size; unpack it yourself if that is right"); }
            if (total >> 28 != checkedAt)
            {
                checkedAt = total >> 28;
                if (drive.AvailableFreeSpace < SpaceToLeave) { throw new IOException($"less than {SpaceToLeave >> 20} MiB are free at {to.Name} while it is expanded there"); }
            }
            to.Write(buffer, 0, count);
        }
    }
}
