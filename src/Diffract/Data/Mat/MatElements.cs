using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>Types of data elements.</summary>
enum MatType : uint
{
    Int8 = 1, UInt8 = 2, Int16 = 3, UInt16 = 4, Int32 = 5, UInt32 = 6, Single = 7, Double = 9, Int64 = 12, UInt64 = 13,
    Matrix = 14, Compressed = 15, Utf8 = 16, Utf16 = 17, Utf32 = 18,
}

/// <summary>Walks the data elements of a MATLAB file or of one of its arrays: a tag of type and size, then the data, padded to 8 bytes.</summary>
ref struct MatElements(ReadOnlySpan<byte> data, bool bigEndian)
{
    ReadOnlySpan<byte> _left = data;

    public readonly bool IsEmpty => _left.IsEmpty;

    /// <summary>Bytes that are left.</summary>
    public readonly int Left => _left.Length;

    /// <exception cref="InvalidDataException">The data ends within the element.</exception>
    public (MatType Type, int Size) Next(out ReadOnlySpan<byte> data)
    {
        if (_left.Length < 8) { throw new InvalidDataException($"it ends within the tag of an element ({_left.Length} bytes of 8)"); }
        uint first = Number(_left);
        var (type, size, start) = first >> 16 != 0 ? ((MatType)(first & 0xFFFF), first >> 16, 4) : ((MatType)first, Number(_left[4..]), 8);   // up to 4 bytes fit into the tag itself
        if (start == 4 && size > 4) { throw new InvalidDataException($"an element of {size} bytes claims to fit into its tag"); }
        if (size > _left.Length - start) { throw new InvalidDataException($"an element claims {size} bytes where {_left.Length - start} are left; the file is cut off or damaged"); }
        data = _left.Slice(start, (int)size);
        long whole = start == 4 ? 8 : type == MatType.Compressed ? 8L + size : 8L + (size + 7L) / 8 * 8;
        _left = _left[(int)Math.Min(whole, _left.Length)..];
        return (type, (int)size);
    }

    /// <summary>The next element, which must be of one type.</summary>
    public ReadOnlySpan<byte> Next(MatType type, string what)
    {
        var found = Next(out var data).Type;
        return found == type ? data : throw new InvalidDataException($"{what} should be of type {type}, not {found}");
    }

    readonly uint Number(ReadOnlySpan<byte> bytes) => bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
