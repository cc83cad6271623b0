using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>The chunks of a PNG file around its pixels.</summary>
/// <remarks>W3C PNG specification, third edition, sections 5 and 11.</remarks>
static class PngHeader
{
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <exception cref="InvalidDataException">The header is cut short or nonsensical, or a chunk's checksum is wrong.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file)
    {
        int at = Signature.Length;
        var header = Chunk(file, ref at, out var type);
        if (!type.SequenceEqual("IHDR"u8) || header.Length != 13) { throw new InvalidDataException("damaged PNG: it does not begin with a header chunk of 13 bytes"); }
        uint width = BinaryPrimitives.ReadUInt32BigEndian(header), height = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue) { throw new InvalidDataException($"damaged PNG: its size is {width}x{height}"); }
        int channels = header[9] switch
        {
            0 or 3 => 1, 4 => 2, 2 => 3, 6 => 4,
            var colour => throw new InvalidDataException($"damaged PNG: colour type {colour}"),
        };

        int orientation = 1;
        while (at < file.Length)
        {
            var data = Chunk(file, ref at, out type);
            if (type.SequenceEqual("eXIf"u8)) { orientation = Exif.Orientation(data); }
            if (type.SequenceEqual("IEND"u8)) { break; }
        }
        return new PictureHeader(PictureFormat.Png, (int)width, (int)height, channels, header[8], orientation);
    }

    static ReadOnlySpan<byte> Chunk(ReadOnlySpan<byte> file, ref int at, out ReadOnlySpan<byte> type)
    {
        if (file.Length - at < 12) { throw new InvalidDataException($"truncated PNG: it ends at byte {file.Length}, within a chunk"); }
        uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
        type = file.Slice(at + 4, 4);
        if (length > file.Length - at - 12)
        {
            throw new InvalidDataException($"truncated or damaged PNG: a chunk at byte {at} wants {length} bytes, the file has {file.Length - at - 12} left");
        }
        var data = file.Slice(at + 8, (int)length);
        uint expected = BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + (int)length)..]);
        if (Crc32.Of(file.Slice(at + 4, 4 + (int)length)) != expected) { throw new InvalidDataException($"damaged PNG: the checksum of the chunk at byte {at} is wrong"); }
        at += 12 + (int)length;
        return data;
    }
}
