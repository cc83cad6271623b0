using System.Buffers.Binary;
using System.Text;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>A stored entry of a zip archive: the bytes [Start, Start + Length) of the file. Deflated entries carry a method other than 0.</summary>
readonly record struct ZipEntry(string Name, int Method, long Start, long Length);

/// <summary>
/// The directory of a zip archive, with zip64, read from a mapped file. Each central record is checked against the entry's local header, and no two entries
/// may overlap, so what is read here is what any other zip reader sees.
/// </summary>
/// <remarks>PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central record), 4.3.14 to 4.3.16 (ends of directory), 4.5.3 (zip64).</remarks>
sealed class ZipDirectory
{
    const int LocalSize = 30, CentralSize = 46, EndSize = 22, LocatorSize = 20, End64Size = 56;
    const uint Ask64 = 0xFFFFFFFF;
    readonly MappedFile _file;
    readonly Dictionary<string, ZipEntry> _entries = [];

    ZipDirectory(MappedFile file) => _file = file;

    public IReadOnlyDictionary<string, ZipEntry> Entries => _entries;

    /// <exception cref="CheckpointException">No directory, one that contradicts itself, or an encrypted, doubled or overlapping entry.</exception>
    public static ZipDirectory Read(MappedFile file)
    {
        var directory = new ZipDirectory(file);
        directory.ReadCentral(directory.FindCentral());
        return directory;
    }

    /// <summary>Where the central records lie, and how many there are.</summary>
    readonly record struct Central(long Start, long Length, long Count);

    /// <summary>What a central record or a local header says of an entry.</summary>
    record struct Claim(int Flags, int Method, long Packed, long Length, long Header);

    Central FindCentral()
    {
        int tail = (int)Math.Min(_file.Length, EndSize + ushort.MaxValue);
        var bytes = _file.Bytes(_file.Length - tail, tail, "the end of the archive");
        for (int at = tail - EndSize; at >= 0; at--)
        {
            var end = bytes[at..];
            if (!end.StartsWith("PK\x05\x06"u8) || U16(end, 20) != tail - at - EndSize) { continue; }
            long position = _file.Length - tail + at;
            var central = new Central(U32(end, 16), U32(end, 12), U16(end, 10));
            bool ask64 = central.Start == Ask64 || central.Length == Ask64 || central.Count == ushort.MaxValue;
            if (ask64 || HasLocator(position)) { (central, position) = ReadEnd64(position); }
            else if (U16(end, 4) != 0 || U16(end, 8) != central.Count)
            {
                throw _file.Fault(position, "the zip archive spans several disks. Join its parts first.");
            }
            if (central.Start < 0 || central.Length < 0 || central.Start > position || central.Length != position - central.Start
                || central.Count < 0 || central.Count > central.Length / CentralSize)
            {
                throw _file.Damaged(position, $"the zip directory is said to be {central.Count} entries in {central.Length} bytes at byte "
                    + $"{central.Start}, which is not so.");
            }
            return central;
        }
        throw new CheckpointException($"{_file.Path}: starts as a zip archive but has no directory at its end. It is probably cut short: download or "
            + "copy it again.");
    }

    bool HasLocator(long end) => end >= LocatorSize && _file.Bytes(end - LocatorSize, 4, "the zip64 locator").SequenceEqual("PK\x06\x07"u8);

    (Central Central, long Position) ReadEnd64(long end)
    {
        if (!HasLocator(end)) { throw _file.Damaged(end, "the zip64 locator that the archive's end calls for is missing."); }
        long position = I64(_file.Bytes(end - LocatorSize, LocatorSize, "the zip64 locator"), 8);
        if (position < 0 || position > end - LocatorSize - End64Size)
        {
            throw _file.Damaged(end - LocatorSize, $"the zip64 end is said to be at byte {position}.");
        }
        var end64 = _file.Bytes(position, End64Size, "the zip64 end");
        if (!end64.StartsWith("PK\x06\x06"u8)) { throw _file.Damaged(position, "here should be the zip64 end of the archive."); }
        if (U32(end64, 16) != 0 || I64(end64, 24) != I64(end64, 32))
        {
            throw _file.Fault(position, "the zip archive spans several disks. Join its parts first.");
        }
        return (new Central(I64(end64, 48), I64(end64, 40), I64(end64, 32)), position);
    }

    void ReadCentral(Central central)
    {
        var extents = new List<(long Start, long End)>();
        long at = central.Start, end = central.Start + central.Length;
        for (long i = 0; i < central.Count; i++)
        {
            if (at > end - CentralSize) { throw _file.Damaged(at, $"the zip directory ends after {i} of {central.Count} entries."); }
            var record = _file.Bytes(at, CentralSize, "a zip directory record");
            if (!record.StartsWith("PK\x01\x02"u8)) { throw _file.Damaged(at, $"here should be entry {i} of the zip directory."); }
            int nameLength = U16(record, 28), extraLength = U16(record, 30), size = CentralSize + nameLength + extraLength + U16(record, 32);
            if (at > end - size) { throw _file.Damaged(at, $"entry {i} of the zip directory runs over its end."); }
            var nameBytes = _file.Bytes(at + CentralSize, nameLength, "an entry's name");
            string name = Encoding.UTF8.GetString(nameBytes);
            var claim = new Claim(U16(record, 8), U16(record, 10), U32(record, 20), U32(record, 24), U32(record, 42));
            claim = Widen(claim, _file.Bytes(at + CentralSize + nameLength, extraLength, "an entry's extra field"), at);
            if (U16(record, 34) is not (0 or ushort.MaxValue))
            {
                throw _file.Fault(at, $"entry {Quote(name)} lies on another disk. Join the archive's parts first.");
            }
            if ((claim.Flags & 0x2041) != 0) { throw _file.Fault(at, $"entry {Quote(name)} is encrypted. Decrypt the archive first."); }
            long start = LocalData(claim, nameBytes, name, central.Start);
            if (!_entries.TryAdd(name, new ZipEntry(name, claim.Method, start, claim.Length)))
            {
                throw _file.Damaged(at, $"there are two entries {Quote(name)}.");
            }
            extents.Add((claim.Header, start + claim.Packed));
            at += size;
        }
        if (at != end) { throw _file.Damaged(at, $"{end - at} bytes follow the last entry of the zip directory."); }
        CheckOverlaps(extents);
    }

    /// <summary>Checks the local header against the central record and returns where the entry's bytes start.</summary>
    long LocalData(Claim claim, ReadOnlySpan<byte> nameBytes, string name, long limit)
    {
        if (claim.Header < 0 || claim.Header > limit - LocalSize)
        {
            throw _file.Damaged(limit, $"entry {Quote(name)} is said to start at byte {claim.Header}.");
        }
        var header = _file.Bytes(claim.Header, LocalSize, "an entry's header");
        if (!header.StartsWith("PK\x03\x04"u8)) { throw _file.Damaged(claim.Header, $"here should be the header of entry {Quote(name)}."); }
        int nameLength = U16(header, 26), extraLength = U16(header, 28);
        long start = claim.Header + LocalSize + nameLength + extraLength;
        if (start > limit || claim.Packed < 0 || claim.Length < 0 || claim.Packed > limit - start || (claim.Method == 0 && claim.Packed != claim.Length))
        {
            throw _file.Damaged(claim.Header, $"entry {Quote(name)} is said to have {claim.Length} bytes ({claim.Packed} in the archive), but only "
                + $"{limit - start} follow.");
        }
        var local = new Claim(U16(header, 6), U16(header, 8), U32(header, 18), U32(header, 22), claim.Header);
        bool deferred = (local.Flags & 8) != 0 && local is { Packed: 0, Length: 0 };    // sizes follow the data, and the directory has them
        if (!deferred)
        {
            local = Widen(local, _file.Bytes(claim.Header + LocalSize + nameLength, extraLength, "an entry's extra field"), claim.Header);
            deferred = (local.Flags & 8) != 0 && local is { Packed: 0, Length: 0 };
        }
        bool same = local.Method == claim.Method && (deferred || (local.Packed == claim.Packed && local.Length == claim.Length));
        if (!same || (local.Flags & 0x2041) != 0 || !_file.Bytes(claim.Header + LocalSize, nameLength, "an entry's name").SequenceEqual(nameBytes))
        {
            throw _file.Damaged(claim.Header, $"the header of entry {Quote(name)} contradicts the zip directory.");
        }
        return start;
    }

    /// <summary>Replaces sizes and offset that are all ones by those of the zip64 extra field, in their fixed order.</summary>
    Claim Widen(Claim claim, ReadOnlySpan<byte> extra, long at)
    {
        if (claim.Length != Ask64 && claim.Packed != Ask64 && claim.Header != Ask64) { return claim; }
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), size = U16(extra, 2);
            extra = extra[4..];
            if (size > extra.Length) { break; }
            if (id != 1)
            {
                extra = extra[size..];
                continue;
            }
            var wide = extra[..size];
            bool enough = Take(ref wide, claim.Length, out long length) & Take(ref wide, claim.Packed, out long packed)
                & Take(ref wide, claim.Header, out long header);
            if (!enough) { break; }
            return claim with { Length = length, Packed = packed, Header = header };
        }
        throw _file.Damaged(at, "an entry's zip64 sizes are missing.");
    }

    static bool Take(ref ReadOnlySpan<byte> wide, long narrow, out long value)
    {
        value = narrow;
        if (narrow != Ask64) { return true; }
        if (wide.Length < 8) { return false; }
        value = I64(wide, 0);
        wide = wide[8..];
        return true;
    }

    void CheckOverlaps(List<(long Start, long End)> extents)
    {
        extents.Sort();
        for (int i = 1; i < extents.Count; i++)
        {
            if (extents[i].Start < extents[i - 1].End) { throw _file.Damaged(extents[i].Start, "two entries of the zip archive overlap."); }
        }
    }

    static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
