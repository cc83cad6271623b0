using System.Buffers.Binary;
using System.Text;

namespace Diffract.Data;

/// <summary>Arrays from the elements of a MATLAB file. Every declared size is held against the bytes that are there before memory is taken.</summary>
/// <remarks>MAT-File Format (MathWorks), level 5: miMATRIX holds flags, dimensions, name and what the class of the array asks for.</remarks>
sealed class MatReader(bool bigEndian)
{
    const int MostDepth = 16, MostDimensions = 32, MostFields = 4096, MostNameBytes = 256;

    // The classes of arrays.
    const byte Cell = 1, Struct = 2, Object = 3, Char = 4, Sparse = 5, FirstNumeric = 6, LastNumeric = 15, Function = 16, Opaque = 17;

    /// <summary>One array from the data of its miMATRIX element.</summary>
    /// <exception cref="InvalidDataException">The data is damaged.</exception>
    public (string Name, MatArray Array) Read(ReadOnlySpan<byte> data, int depth = 0)
    {
        if (data.IsEmpty) { return ("", MatNumbers.Empty); }                           // [] within a cell or field may be written so
        if (depth > MostDepth) { throw new InvalidDataException($"arrays are nested more than {MostDepth} deep"); }
        var elements = new MatElements(data, bigEndian);
        var flags = elements.Next(MatType.UInt32, "an array's flags");
        if (flags.Length != 8) { throw new InvalidDataException($"an array's flags have {flags.Length} bytes, not 8"); }
        byte kind = (byte)UInt32(flags);
        if (kind == Opaque) { return (Ascii(elements.Next(MatType.Int8, "an array's name")), new MatUnread([1, 1], "an object")); }
        var (dimensions, count) = Dimensions(elements.Next(MatType.Int32, "an array's dimensions"));
        string name = Ascii(elements.Next(MatType.Int8, "an array's name"));
        return (name, kind switch
        {
            Cell => new MatCells(dimensions, Cells(ref elements, count, depth)),
            Struct => Structs(ref elements, dimensions, count, depth),
            Char => new MatText(dimensions, Characters(ref elements, count)),
            >= FirstNumeric and <= LastNumeric => count == 0 ? new MatNumbers(dimensions, []) : new MatNumbers(dimensions, Numbers(ref elements, count)),
            Object or Function => new MatUnread(dimensions, kind == Object ? "an object" : "a function"),
            Sparse => new MatUnread(dimensions, "a sparse matrix"),
            _ => throw new InvalidDataException($"an array's class is {kind}; 1 to 17 are known"),
        });
    }

    (int[] Dimensions, long Count) Dimensions(ReadOnlySpan<byte> data)
    {
        if (data.Length is < 8 or > 4 * MostDimensions || data.Length % 4 != 0) { throw new InvalidDataException($"an array's dimensions have {data.Length} bytes; 4 each are expected, for 2 to {MostDimensions}"); }
        var dimensions = new int[data.Length / 4];
        long count = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = (int)UInt32(data[(4 * i)..]);
            count *= dimensions[i];
            if (dimensions[i] < 0 || count > int.MaxValue) { throw new InvalidDataException("an array claims more elements than any file holds"); }
        }
        return (dimensions, count);
    }

    MatArray[] Cells(ref MatElements elements, long count, int depth)
    {
        if (count > elements.Left / 8) { throw new InvalidDataException($"{count} arrays are claimed where {elements.Left} bytes are left"); }   // each has a tag of 8 bytes
        var cells = new MatArray[count];
        for (int i = 0; i < cells.Length; i++) { cells[i] = Read(elements.Next(MatType.Matrix, "an element of a cell or struct array"), depth + 1).Array; }
        return cells;
    }

    MatStructs Structs(ref MatElements elements, int[] dimensions, long count, int depth)
    {
        var size = elements.Next(MatType.Int32, "the length of field names");
        int length = size.Length == 4 ? (int)UInt32(size) : 0;
        if (length is < 1 or > MostNameBytes) { throw new InvalidDataException($"field names of {length} bytes; 1 to {MostNameBytes} are expected"); }
        var names = elements.Next(MatType.Int8, "field names");
        int fields = names.Length / length;
        if (names.Length % length != 0 || fields > MostFields) { throw new InvalidDataException($"field names take {names.Length} bytes, {length} each; at most {MostFields} are read"); }
        if (fields == 0) { return new MatStructs(dimensions, 0, new Dictionary<string, MatArray[]>()); }
        if (count > int.MaxValue / fields) { throw new InvalidDataException("a struct array claims more elements than any file holds"); }

        var values = Cells(ref elements, count * fields, depth);                       // element by element, in each the fields in turn
        var byName = new Dictionary<string, MatArray[]>();
        for (int field = 0; field < fields; field++)
        {
            var column = new MatArray[count];
            for (int i = 0; i < column.Length; i++) { column[i] = values[i * fields + field]; }
            byName[Ascii(names.Slice(field * length, length))] = column;
        }
        return new MatStructs(dimensions, (int)count, byName);
    }

    string Characters(ref MatElements elements, long count)
    {
        if (count == 0) { return ""; }
        var type = elements.Next(out var data).Type;
        string text = type switch
        {
            MatType.Utf8 => Encoding.UTF8.GetString(data),
            MatType.Int8 or MatType.UInt8 => Encoding.Latin1.GetString(data),
            MatType.UInt16 or MatType.Utf16 or MatType.Int16 => (bigEndian ? Encoding.BigEndianUnicode : Encoding.Unicode).GetString(data),
            MatType.Utf32 => new UTF32Encoding(bigEndian, byteOrderMark: false).GetString(data),
            _ => throw new InvalidDataException($"text is stored as {type}"),
        };
        return type == MatType.Utf32 || text.Length == count ? text : throw new InvalidDataException($"text of {count} characters holds {text.Length}");
    }

    // Whatever the class of an array, its numbers are stored in the smallest type that holds them.
    double[] Numbers(ref MatElements elements, long count)
    {
        var type = elements.Next(out var data).Type;
        int width = type switch
        {
            MatType.Int8 or MatType.UInt8 => 1,
            MatType.Int16 or MatType.UInt16 => 2,
            MatType.Int32 or MatType.UInt32 or MatType.Single => 4,
            MatType.Int64 or MatType.UInt64 or MatType.Double => 8,
            _ => throw new InvalidDataException($"numbers are stored as {type}"),
        };
        if (data.Length != count * width) { throw new InvalidDataException($"{count} numbers of {width} bytes are claimed, {data.Length} bytes are there"); }
        var values = new double[count];
        for (int i = 0; i < values.Length; i++) { values[i] = Number(data.Slice(i * width, width), type); }
        return values;
    }

    double Number(ReadOnlySpan<byte> bytes, MatType type)
    {
        ulong bits = 0;
        for (int i = 0; i < bytes.Length; i++) { bits = bits << 8 | bytes[bigEndian ? i : bytes.Length - 1 - i]; }
        return type switch
        {
            MatType.Int8 => (sbyte)bits,
            MatType.Int16 => (short)bits,
            MatType.Int32 => (int)bits,
            MatType.Int64 => (long)bits,
            MatType.Single => BitConverter.UInt32BitsToSingle((uint)bits),
            MatType.Double => BitConverter.UInt64BitsToDouble(bits),
            _ => bits,
        };
    }

    uint UInt32(ReadOnlySpan<byte> bytes) => bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    static string Ascii(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes.IndexOf((byte)0) is >= 0 and var end ? bytes[..end] : bytes);
}
