using System.IO.Compression;

namespace Diffract.Data;

/// <summary>The variables of a MATLAB file of level 5, as MATLAB's save writes with -v6 and -v7.</summary>
/// <remarks>Numbers, text, cells and structs are read, compressed or not, of either byte order. Sizes are checked before memory is taken.</remarks>
sealed class MatFile
{
    /// <summary>All compressed variables of a file together may not expand to more bytes.</summary>
    public const long MostExpanded = 32L << 20;

    const int HeaderBytes = 128, HdfBlock = 512;

    static ReadOnlySpan<byte> Hdf => [0x89, (byte)'H', (byte)'D', (byte)'F'];

    readonly string _name;
    readonly Dictionary<string, MatArray> _variables = [];
    long _expanded;

    MatFile(string name) => _name = name;

    /// <inheritdoc cref="Parse"/>
    public static MatFile Read(SetFiles files, string path) => Parse(files.Read(path, MostExpanded), $"{files.Name}/{path}");

    /// <param name="name">Of the file, for errors.</param>
    /// <exception cref="PictureException">It is of another format, cut off or damaged.</exception>
    public static MatFile Parse(ReadOnlySpan<byte> file, string name)
    {
        var mat = new MatFile(name);
        try { mat.Read(file); }
        catch (InvalidDataException damage) { throw new PictureException($"{name}: {damage.Message}. Fetch the file anew from the set's authors.", damage); }
        return mat;
    }

    /// <exception cref="PictureException">There is no such variable, or it is of another kind.</exception>
    public T Get<T>(string variable) where T : MatArray => _variables.TryGetValue(variable, out var array)
        ? array as T ?? throw new PictureException($"{_name}: '{variable}' is {array}, which is not what this data set has there")
        : throw new PictureException($"{_name}: there is no variable '{variable}'; it holds {(_variables.Count > 0 ? string.Join(", ", _variables.Keys.Order(StringComparer.Ordinal).Take(8)) : "none: the file is cut off")}. Fetch it anew from the set's authors.");

    /// <summary>The variable's numbers, which must be whole.</summary>
    /// <exception cref="PictureException">There is no such variable, or it is of another kind.</exception>
    public int[] Integers(string variable) => [.. Get<MatNumbers>(variable).Values.Select(value => Integer(value, variable))];

    /// <summary>The texts of a cell array.</summary>
    /// <inheritdoc cref="Integers(string)"/>
    public string[] Texts(string variable) => [.. Get<MatCells>(variable).Cells.Select(cell => Text(cell, variable))];

    /// <summary>A field's text in every element of a struct array.</summary>
    /// <inheritdoc cref="Integers(string)"/>
    public string[] Texts(string variable, string field) => [.. Field(variable, field).Select(value => Text(value, $"{variable}.{field}"))];

    /// <summary>A field's number in every element of a struct array.</summary>
    /// <inheritdoc cref="Integers(string)"/>
    public int[] Integers(string variable, string field) =>
        [.. Field(variable, field).Select(value => value is MatNumbers { Values: [var number] } ? Integer(number, $"{variable}.{field}") : throw Unfit(value, $"{variable}.{field}", "one number"))];

    /// <summary>Whether a struct array has a field.</summary>
    public bool HasField(string variable, string field) => Get<MatStructs>(variable).Fields.ContainsKey(field);

    MatArray[] Field(string variable, string field)
    {
        var structs = Get<MatStructs>(variable);
        return structs.Fields.TryGetValue(field, out var values) ? values : throw new PictureException($"{_name}: '{variable}' has no field '{field}'; it has {string.Join(", ", structs.Fields.Keys)}");
    }

    // A text may lie in a cell of its own.
    string Text(MatArray value, string where) => value switch
    {
        MatText { Characters: "" } => "",
        MatText text when text.Dimensions[0] == 1 => text.Characters,
        MatCells { Cells: [MatText] } cells => Text(cells.Cells[0], where),
        _ => throw Unfit(value, where, "one row of text"),
    };

    int Integer(double value, string where) => value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue ? (int)value
        : throw new PictureException(FormattableString.Invariant($"{_name}: '{where}' holds {value}; a whole number is expected"));

    PictureException Unfit(MatArray value, string where, string expected) => new($"{_name}: '{where}' holds {value}; {expected} is expected");

    void Read(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(Hdf) || file.StartsWith("MATLAB 7.3"u8) || (file.Length > HdfBlock && file[HdfBlock..].StartsWith(Hdf)))
        {
            throw new PictureException($"{_name}: a MATLAB 7.3 file (HDF5), which is not read; open it in MATLAB or Octave and save it with -v7");
        }
        if (file.Length < HeaderBytes) { throw new InvalidDataException($"not a MATLAB file, or cut off: it has {file.Length} bytes, its header alone should have {HeaderBytes}"); }
        bool bigEndian = file.Slice(126, 2).SequenceEqual("MI"u8);
        if (!bigEndian && !file.Slice(126, 2).SequenceEqual("IM"u8)) { throw new InvalidDataException("not a MATLAB file of level 5 (-v6, -v7): bytes 126 and 127 should be IM or MI"); }
        int version = bigEndian ? file[124] : file[125];
        if (version != 1) { throw new InvalidDataException($"a MATLAB file of version {version}; 1 is read (-v6, -v7)"); }

        var reader = new MatReader(bigEndian);
        for (var elements = new MatElements(file[HeaderBytes..], bigEndian); !elements.IsEmpty;)
        {
            var type = elements.Next(out var data).Type;
            if (type == MatType.Compressed) { Add(reader, new MatElements(Expand(data), bigEndian).Next(MatType.Matrix, "a compressed variable")); }
            else if (type == MatType.Matrix) { Add(reader, data); }
            else { throw new InvalidDataException($"a variable is of type {type}; Matrix or Compressed are expected"); }
        }
    }

    void Add(MatReader reader, ReadOnlySpan<byte> data)
    {
        var (name, array) = reader.Read(data);
        _variables[name] = array;
    }

    // Grows with what comes out, never with what is claimed; the stream's own checksum is tested at its end.
    byte[] Expand(ReadOnlySpan<byte> data)
    {
        using var from = new ZLibStream(new MemoryStream(data.ToArray(), writable: false), CompressionMode.Decompress);
        using var to = new MemoryStream();
        var buffer = new byte[1 << 16];
        while (from.Read(buffer) is > 0 and var count)
        {
            _expanded += count;
            if (_expanded > MostExpanded) { throw new InvalidDataException($"its compressed variables expand to more than {MostExpanded >> 20} MiB"); }
            to.Write(buffer, 0, count);
        }
        return to.ToArray();
    }
}
