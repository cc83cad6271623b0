using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Diffract.Torch;

/// <summary>
/// A file mapped read-only. It is opened shared with other readers; .NET programs that want to write are locked out, but nothing keeps another
/// program from cutting the file short, and touching bytes that are gone ends the process (SIGBUS). Replace files by rename, as AtomicFile does.
/// </summary>
sealed unsafe class MappedFile : IDisposable
{
    readonly SafeFileHandle _handle;
    readonly MemoryMappedFile _map;
    readonly MemoryMappedViewAccessor _view;
    readonly byte* _start;

    MappedFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        Length = length;
        _handle = handle;
        _map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        using var lease = new Lease(this);
        _start = lease.Start;
    }

    public string Path { get; }

    public long Length { get; }

    /// <exception cref="CheckpointException">The file is missing, empty, or cannot be opened or mapped.</exception>
    public static MappedFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            long length = RandomAccess.GetLength(handle);
            if (length == 0) { throw new CheckpointException($"{path}: the file is empty. Was a download or a copy interrupted?"); }
            return new MappedFile(path, handle, length);
        }
        catch (Exception e)
        {
            handle?.Dispose();
            if (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw new CheckpointException($"{path}: there is no such file.", e);
            }
            if (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
            {
                throw new CheckpointException(Directory.Exists(path) ? $"{path}: cannot be opened: it is a folder, where a file is expected. Name one in it." : $"{path}: cannot be opened for reading: {e.Message}", e);
            }
            throw;
        }
    }

    /// <summary>Address of byte <paramref name="offset"/>; valid until the file is disposed or collected.</summary>
    public nint Address(long offset) => (nint)(_start + offset);

    /// <summary>The bytes [offset, offset + count), checked against the file. Only for code that cannot outlive an open file.</summary>
    /// <exception cref="CheckpointException">The file is shorter.</exception>
    public ReadOnlySpan<byte> Bytes(long offset, int count, string what)
    {
        if (offset < 0 || count < 0 || offset > Length - count)
        {
            throw Fault(offset, $"{what} ({count} bytes) does not fit into the file's {Length} bytes. Is the file complete?");
        }
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    public CheckpointException Fault(long offset, string found) => new($"{Path}: byte {offset}: {found}");

    /// <summary>For what no writer of such files produces.</summary>
    public CheckpointException Damaged(long offset, string found) => Fault(offset, found + " The file is damaged: download or copy it again.");

    /// <summary>SHA-256 of the whole file in lower-case hex, read in pieces of 1 MiB.</summary>
    public string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[(int)Math.Min(Length, 1 << 20)];
        for (long offset = 0; offset < Length;)
        {
            int count = RandomAccess.Read(_handle, buffer, offset);
            if (count == 0) { throw Fault(offset, $"the file ended here while it was read; it had {Length} bytes when it was opened."); }
            hash.AppendData(buffer, 0, count);
            offset += count;
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
        _handle.Dispose();
    }

    /// <summary>Keeps the mapping alive while bytes are copied, also when another thread disposes the file meanwhile.</summary>
    public readonly ref struct Lease : IDisposable
    {
        readonly SafeMemoryMappedViewHandle _view;

        /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
        public Lease(MappedFile file)
        {
            byte* start = null;
            _view = file._view.SafeMemoryMappedViewHandle;
            _view.AcquirePointer(ref start);
            Start = start;
        }

        public byte* Start { get; }

        public void Dispose() => _view.ReleasePointer();
    }
}
