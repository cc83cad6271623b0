using System.Buffers.Binary;
using System.Text.Json;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>Reads the header of a safetensors file: 8 bytes little-endian length, JSON, then the data without holes or overlaps.</summary>
/// <remarks>Format: https://github.com/huggingface/safetensors#format</remarks>
static class SafetensorsReader
{
    /// <summary>Largest header, as in the reference implementation.</summary>
    const long MaxHeader = 100_000_000;

    public static bool Recognises(ReadOnlySpan<byte> start) => start.Length > 8 && start[8] == (byte)'{';

    public static DType? TypeOf(string name) => name switch
    {
        "F32" => DType.Float32, "F16" => DType.Float16, "BF16" => DType.BFloat16, "F64" => DType.Float64,
        "I64" => DType.Int64, "I32" => DType.Int32, "I16" => DType.Int16, "I8" => DType.Int8, "U8" => DType.UInt8, "BOOL" => DType.Bool,
        _ => null,
    };

    public static string NameOf(DType type) => type switch
    {
        DType.Float32 => "F32", DType.Float16 => "F16", DType.BFloat16 => "BF16", DType.Float64 => "F64",
        DType.Int64 => "I64", DType.Int32 => "I32", DType.Int16 => "I16", DType.Int8 => "I8", DType.UInt8 => "U8", DType.Bool => "BOOL",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an element type"),
    };

    public static CheckpointContent Read(MappedFile file)
    {
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, 8, "the header's length"));
        if (length > MaxHeader || (long)length > file.Length - 8)
        {
            throw file.Fault(0, $"the safetensors header claims {length} bytes, the file has {file.Length}. Is the file complete?");
        }
        var header = file.Bytes(8, (int)length, "the safetensors header");
        try
        {
            return new Header(file, 8 + (long)length).Parse(header);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{file.Path}: the safetensors header is not what the format says: {e.Message}", e);
        }
    }

    /// <summary>One entry of the header: data is [Begin, End) after the header.</summary>
    readonly record struct Extent(string Name, long Begin, long End);

    sealed class Header(MappedFile file, long dataStart)
    {
        readonly CheckpointContent _content = new(CheckpointFormat.Safetensors);
        readonly List<Extent> _extents = [];

        public CheckpointContent Parse(ReadOnlySpan<byte> json)
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            Expect(ref reader, JsonTokenType.StartObject);
            while (NextName(ref reader) is string name)
            {
                if (name == "__metadata__") { ReadMetadata(ref reader); }
                else { ReadEntry(ref reader, name); }
            }
            if (reader.Read()) { throw new JsonException("text after the closing brace"); }
            CheckExtents();
            return _content;
        }

        void ReadMetadata(ref Utf8JsonReader reader)
        {
            Expect(ref reader, JsonTokenType.StartObject);
            while (NextName(ref reader) is string key)
            {
                Expect(ref reader, JsonTokenType.String);
                if (!_content.Metadata.TryAdd(key, reader.GetString()!)) { throw new JsonException($"__metadata__ has {Quote(key)} twice"); }
            }
        }

        void ReadEntry(ref Utf8JsonReader reader, string name)
        {
            string? type = null;
            List<long>? shape = null, offsets = null;
            Expect(ref reader, JsonTokenType.StartObject);
            while (NextName(ref reader) is string key)
            {
                switch (key)
                {
                    case "dtype" when type is not null:
                    case "shape" when shape is not null:
                    case "data_offsets" when offsets is not null: throw new JsonException($"{Quote(name)} has two of {key}");
                    case "dtype": Expect(ref reader, JsonTokenType.String); type = reader.GetString(); break;
                    case "shape": shape = ReadNumbers(ref reader, StoredTensor.MaxRank); break;
                    case "data_offsets": offsets = ReadNumbers(ref reader, 2); break;
                    default: reader.Read(); reader.Skip(); break;
                }
            }
            if (type is null || shape is null || offsets is not [long begin, long end])
            {
                throw new JsonException($"{Quote(name)} lacks dtype, shape or two data_offsets");
            }
            if (_content.Holds(name)) { throw new JsonException($"there are two tensors {Quote(name)}"); }
            if (begin > end || end > file.Length - dataStart)
            {
                throw file.Fault(dataStart, $"{Quote(name)} is said to lie at [{begin}, {end}) of the data, of which there are "
                    + $"{file.Length - dataStart} bytes. Is the file complete?");
            }
            _extents.Add(new Extent(name, begin, end));
            if (TypeOf(type) is DType dtype) { AddTensor(name, dtype, shape.ToArray(), begin, end); }
            else { _content.Unreadable.Add(name, type); }
        }

        void AddTensor(string name, DType dtype, long[] shape, long begin, long end)
        {
            long[] strides = new long[shape.Length];
            Int128 count = 1;
            for (int d = shape.Length - 1; d >= 0; d--)
            {
                strides[d] = (long)count;
                count *= Math.Max(shape[d], 1);
                if (count > long.MaxValue) { throw new JsonException($"the shape of {Quote(name)} is too large"); }
            }
            if (shape.Contains(0)) { count = 0; }
            if (count * dtype.Size() != end - begin)
            {
                throw file.Damaged(dataStart + begin, $"{Quote(name)} is ({string.Join(", ", shape)}) {dtype}, which takes {count * dtype.Size()} "
                    + $"bytes, but {end - begin} are given.");
            }
            _content.Tensors.Add(name, StoredTensor.Create(file, name, dtype, [.. shape], [.. strides], 0, dataStart + begin, end - begin));
        }

        void CheckExtents()
        {
            long at = 0;
            foreach (var extent in _extents.OrderBy(e => e.Begin).ThenBy(e => e.End))
            {
                if (extent.Begin != at)
                {
                    throw file.Damaged(dataStart + at, $"{Quote(extent.Name)} starts at byte {extent.Begin} of the data instead of {at}: tensors "
                        + "overlap or leave a hole.");
                }
                at = extent.End;
            }
            if (at != file.Length - dataStart)
            {
                throw file.Damaged(dataStart + at, $"the tensors end here, but the file goes on to byte {file.Length}.");
            }
        }

        static List<long> ReadNumbers(ref Utf8JsonReader reader, int most)
        {
            var numbers = new List<long>();
            Expect(ref reader, JsonTokenType.StartArray);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0 || numbers.Count == most)
                {
                    throw new JsonException($"a shape or data_offsets is not a list of at most {most} whole numbers");
                }
                numbers.Add(number);
            }
            return numbers;
        }

        static string? NextName(ref Utf8JsonReader reader)
        {
            reader.Read();
            return reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;
        }

        static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
        {
            if (!reader.Read() || reader.TokenType != type) { throw new JsonException($"found {reader.TokenType} where {type} was expected"); }
        }
    }
}
