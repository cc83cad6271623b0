using System.Buffers.Text;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Diffract.Data;

/// <summary>Where the files of an uncompressed tar archive lie, found by walking its headers; nothing is extracted.</summary>
/// <remarks>
/// POSIX ustar and pax, GNU long names. Written here rather than read with System.Formats.Tar because a hostile archive may declare
/// a name of gigabytes: here every declared size is checked against the file and small limits before memory is taken.
/// </remarks>
sealed class TarIndex
{
    const int Block = 512, MostExtension = 1 << 20;

    readonly SafeFileHandle _file;
    readonly long _length;

    TarIndex(SafeFileHandle file) => (_file, _length) = (file, RandomAccess.GetLength(file));

    /// <summary>Regular files in the archive's order.</summary>
    public List<(string Path, long Offset, long Size)> Files { get; } = [];

    /// <summary>Symbolic and hard links, which are not followed.</summary>
    public int Links { get; private set; }

    /// <summary>Entries without their holes (GNU sparse files), which are not read.</summary>
    public int Sparse { get; private set; }

    /// <summary>False where the archive stops without the empty block that ends it.</summary>
    public bool HasEnd { get; private set; }

    /// <exception cref="InvalidDataException">Not a tar archive, or a damaged or truncated one.</exception>
    public static TarIndex Of(SafeFileHandle file)
    {
        var index = new TarIndex(file);
        index.Walk();
        return index;
    }

    void Walk()
    {
        Span<byte> header = stackalloc byte[Block];
        string? longName = null;
        long? longSize = null;
        bool sparse = false;
        for (long at = 0; at < _length;)
        {
            if (!Fill(header, at)) { throw Damage(at, "the archive ends within a header"); }
            if (!header.ContainsAnyExcept((byte)0))
            {
                HasEnd = true;
                return;
            }
            if (!ChecksumIsRight(header)) { throw Damage(at, at == 0 ? "this is not a tar archive" : "a header's checksum is wrong"); }

            char type = (char)header[156];
            long size = type is >= '1' and <= '6' ? 0 : longSize ?? Number(header.Slice(124, 12), at);
            long data = at + Block;
            if (size < 0 || size > _length - data) { throw Damage(at, $"an entry of {size} bytes goes beyond the end of the archive ({_length} bytes); it is truncated or damaged"); }
            switch (type)
            {
                case 'L':
                    longName = Text(Extension(data, size));
                    break;
                case 'x':
                    ReadPax(Extension(data, size), at, ref longName, ref longSize, ref sparse);
                    break;
                case 'K' or 'g':
                    break;
                default:
                    if (type == 'S' || sparse) { Sparse++; }
                    else if (type is '0' or '\0' or '7') { Files.Add((longName ?? Name(header), data, size)); }
                    if (type is '1' or '2') { Links++; }
                    (longName, longSize, sparse) = (null, null, false);
                    break;
            }
            at = data + (size + Block - 1) / Block * Block;
        }
    }

    byte[] Extension(long at, long size)
    {
        if (size > MostExtension) { throw Damage(at, $"a name of {size} bytes; at most {MostExtension} are read"); }
        var bytes = new byte[size];
        return Fill(bytes, at) ? bytes : throw Damage(at, "the archive ends within a name");
    }

    // Records "LENGTH KEY=VALUE\n", where LENGTH counts the whole record.
    static void ReadPax(ReadOnlySpan<byte> records, long at, ref string? name, ref long? size, ref bool sparse)
    {
        while (!records.IsEmpty)
        {
            if (!Utf8Parser.TryParse(records, out int length, out int digits) || length <= digits + 1 || length > records.Length || records[digits] != ' ')
            {
                throw Damage(at, "an extended header is malformed");
            }
            var record = records[(digits + 1)..length].TrimEnd((byte)'\n');
            sparse |= record.StartsWith("GNU.sparse."u8);
            if (record.StartsWith("path="u8)) { name = Text(record[5..]); }
            if (record.StartsWith("size="u8))
            {
                if (!Utf8Parser.TryParse(record[5..], out long value, out _) || value < 0) { throw Damage(at, "an extended header holds a malformed size"); }
                size = value;
            }
            records = records[length..];
        }
    }

    bool Fill(Span<byte> target, long at)
    {
        while (!target.IsEmpty)
        {
            int count = RandomAccess.Read(_file, target, at);
            if (count == 0) { return false; }
            target = target[count..];
            at += count;
        }
        return true;
    }

    static bool ChecksumIsRight(ReadOnlySpan<byte> header)
    {
        int sum = 8 * ' ';
        for (int i = 0; i < Block; i++) { sum += i is >= 148 and < 156 ? 0 : header[i]; }
        return Octal(header.Slice(148, 8)) == sum;
    }

    // Octal digits or, for large files in GNU's form, a big-endian number with its top bit set.
    static long Number(ReadOnlySpan<byte> field, long at)
    {
        if ((field[0] & 0x80) == 0) { return Octal(field) is >= 0 and var octal ? octal : throw Damage(at, "an entry's size is malformed"); }
        long value = field[0] & 0x3F;
        foreach (byte digit in field[1..])
        {
            if (value >> 55 != 0) { throw Damage(at, "an entry's size is beyond all files"); }
            value = value << 8 | digit;
        }
        return value;
    }

    static long Octal(ReadOnlySpan<byte> field)
    {
        long value = 0;
        foreach (byte digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7') { return -1; }
            value = value << 3 | (uint)(digit - '0');
        }
        return value;
    }

    static string Name(ReadOnlySpan<byte> header)
    {
        string name = Text(header[..100]);
        bool isUstar = header.Slice(257, 6).SequenceEqual("ustar\0"u8);
        string prefix = isUstar ? Text(header.Slice(345, 155)) : "";
        return prefix.Length > 0 ? prefix + "/" + name : name;
    }

    static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes.IndexOf((byte)0) is >= 0 and var end ? bytes[..end] : bytes);

    static InvalidDataException Damage(long at, string what) => new($"{what} (byte {at})");
}
