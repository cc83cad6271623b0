namespace Diffract.Torch;

/// <summary>Files that are there whole or not at all: written under a temporary name in the same folder, flushed to disk, renamed.</summary>
public static class AtomicFile
{
    /// <summary>
    /// How temporary names end. A process that is killed while writing leaves such a file behind; whoever owns the folder may delete it.
    /// </summary>
    public const string PartialSuffix = ".partial";

    /// <summary>Writes <paramref name="path"/> anew. An exception from <paramref name="write"/> leaves an older file of that name untouched.</summary>
    /// <exception cref="IOException">The folder is missing, the disk is full, or the file cannot be replaced.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        string partial = $"{target}.{Path.GetRandomFileName()}{PartialSuffix}";
        try
        {
            using (var stream = new FileStream(partial, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(partial, target, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>Writes <paramref name="bytes"/> as the whole of <paramref name="path"/>.</summary>
    /// <exception cref="IOException">As for the other form.</exception>
    public static void Write(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));
}
