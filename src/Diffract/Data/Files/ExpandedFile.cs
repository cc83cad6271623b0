using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Diffract.Torch;

namespace Diffract.Data;

/// <summary>A gzip-compressed file cannot be read at random, so it is expanded once into a file of a cache, which serves until it changes.</summary>
static class ExpandedFile
{
    // Pictures hardly compress; far beyond this a file is a trap.
    const int MostExpansion = 50;
    const long AlwaysAllowed = 64L << 20, SpaceToLeave = 1L << 30;

    public static string DefaultFolder => Path.Combine(CacheFolder.Root, "archives");

    /// <summary>The expanded file's path; <paramref name="check"/> throws where what has come out is of no use, and it is not kept.</summary>
    /// <param name="ending">Of the expanded file's name, such as ".tar".</param>
    /// <exception cref="InvalidDataException">It is damaged, or expands beyond reason.</exception>
    public static string Of(string file, string ending, string cacheFolder, Action<string> check)
    {
        var info = new FileInfo(file);
        string key = $"{info.FullName}\0{info.Length}\0{info.LastWriteTimeUtc.Ticks}";
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16];
        string target = Path.Combine(cacheFolder, $"{Path.GetFileNameWithoutExtension(file)}-{hash}{ending}");
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
            check(temporary);
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
