using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Diffract.Tests.Data;

/// <summary>Writes MATLAB files of level 5 as the format's description has them; apart from the reader, so that both can be wrong only in the same way.</summary>
sealed class MatWriter(bool bigEndian = false, bool compressed = false)
{
    readonly MemoryStream _file = Header(bigEndian);

    public byte[] ToArray() => _file.ToArray();

    /// <summary>Numbers stored as the smallest of uint8, uint16 and double that holds them, as MATLAB does.</summary>
    public MatWriter Numbers(string name, int[] dimensions, params double[] values) => Add(Matrix(name, dimensions, 6, Stored(values)));

    public MatWriter Row(string name, params int[] values) => Numbers(name, [1, values.Length], [.. values.Select(value => (double)value)]);

    public MatWriter Texts(string name, params string[] texts) => Add(Matrix(name, [texts.Length, 1], 1, [.. texts.SelectMany(text => Char(text))]));

    /// <summary>A 1 x N struct array; a value is a string or a number.</summary>
    public MatWriter Structs(string name, string[] fields, params object[][] elements)
    {
        const int length = 32;
        byte[] names = [.. fields.SelectMany(field => Encoding.ASCII.GetBytes(field.PadRight(length, '\0')))];
        byte[] values = [.. elements.SelectMany(element => element).SelectMany(value => value is string text ? Char(text) : Matrix("", [1, 1], 6, Stored([Convert.ToDouble(value)])))];
        return Add(Matrix(name, [1, elements.Length], 2, [.. Small(5, UInt32(length)), .. Element(1, names), .. values]));
    }

    /// <summary>An array of any class with a body of its own.</summary>
    public MatWriter Raw(string name, int[] dimensions, byte kind, byte[] body) => Add(Matrix(name, dimensions, kind, body));

    public byte[] Char(string text) => Matrix("", [text.Length > 0 ? 1 : 0, text.Length], 4, Element(4, [.. text.SelectMany(c => Bytes(c, 2))]));

    public byte[] Element(uint type, byte[] data) => data.Length is > 0 and <= 4 ? Small(type, data) : [.. UInt32(type), .. UInt32((uint)data.Length), .. data, .. new byte[(8 - data.Length % 8) % 8]];

    byte[] Small(uint type, byte[] data) => [.. UInt32((uint)data.Length << 16 | type), .. data, .. new byte[4 - data.Length]];

    byte[] Matrix(string name, int[] dimensions, byte kind, byte[] body)
    {
        byte[] content = [.. Element(6, [.. UInt32(kind), .. UInt32(0)]), .. Element(5, [.. dimensions.SelectMany(size => UInt32((uint)size))]), .. Element(1, Encoding.ASCII.GetBytes(name)), .. body];
        return [.. UInt32(14), .. UInt32((uint)content.Length), .. content];
    }

    byte[] Stored(double[] values) => values.All(value => value == (byte)value) ? Element(2, [.. values.Select(value => (byte)value)])
        : values.All(value => value == (ushort)value) ? Element(4, [.. values.SelectMany(value => Bytes((ulong)value, 2))])
        : Element(9, [.. values.SelectMany(value => Bytes(BitConverter.DoubleToUInt64Bits(value), 8))]);

    MatWriter Add(byte[] matrix)
    {
        if (compressed)
        {
            using var packed = new MemoryStream();
            using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) { zlib.Write(matrix); }
            matrix = [.. UInt32(15), .. UInt32((uint)packed.Length), .. packed.ToArray()];
        }
        _file.Write(matrix);
        return this;
    }

    static MemoryStream Header(bool bigEndian)
    {
        var header = new byte[128];
        Encoding.ASCII.GetBytes("MATLAB 5.0 MAT-file, written by a test".PadRight(116)).CopyTo(header, 0);
        (bigEndian ? new byte[] { 1, 0, (byte)'M', (byte)'I' } : [0, 1, (byte)'I', (byte)'M']).CopyTo(header, 124);
        var stream = new MemoryStream();
        stream.Write(header);
        return stream;
    }

    byte[] UInt32(uint value) => Bytes(value, 4);

    byte[] Bytes(ulong value, int count)
    {
        var bytes = new byte[8];
        if (bigEndian) { BinaryPrimitives.WriteUInt64BigEndian(bytes, value); }
        else { BinaryPrimitives.WriteUInt64LittleEndian(bytes, value); }
        return bigEndian ? bytes[(8 - count)..] : bytes[..count];
    }
}
