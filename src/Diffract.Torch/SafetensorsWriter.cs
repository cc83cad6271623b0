using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Diffract.Torch;

/// <summary>A tensor to be written: <paramref name="Write"/> puts its row-major little-endian bytes into a stream when its turn comes.</summary>
public sealed record SafetensorsEntry(string Name, DType DType, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    public static SafetensorsEntry Of(string name, DType dtype, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes) =>
        new(name, dtype, shape, stream => stream.Write(bytes.Span));

    public static SafetensorsEntry Of(string name, IReadOnlyList<long> shape, float[] elements) =>
        new(name, DType.Float32, shape, stream => stream.Write(MemoryMarshal.AsBytes(elements.AsSpan())));

    public static SafetensorsEntry Of(string name, IReadOnlyList<long> shape, long[] elements) =>
        new(name, DType.Int64, shape, stream => stream.Write(MemoryMarshal.AsBytes(elements.AsSpan())));

    /// <summary>A copy of a tensor of an open file, under a name of its own.</summary>
    public static SafetensorsEntry Of(string name, StoredTensor tensor) => new(name, tensor.DType, tensor.Shape, tensor.CopyTo);
}

/// <summary>
/// Writes safetensors files. Equal entries and metadata give equal bytes: the header holds __metadata__ with its keys in ordinal order, then the entries in
/// the order given, and is padded with spaces to a multiple of 8; the data lie by falling element size, then in the order given, so each tensor is aligned.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>Writes the file under a temporary name, flushes it to disk and renames it.</summary>
    /// <exception cref="ArgumentException">Two entries share a name, or one wrote another number of bytes than its shape says.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, entries, metadata));

    /// <summary>Writes the bytes of such a file to a stream.</summary>
    /// <exception cref="ArgumentException">As for the other form.</exception>
    public static void Write(Stream stream, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var given = entries.ToList();
        var inFile = given.OrderByDescending(e => e.DType.Size()).ToList();
        stream.Write(Header(given, inFile, metadata));
        var counter = new CountingStream(stream);
        foreach (var entry in inFile)
        {
            counter.Count = 0;
            entry.Write(counter);
            if (counter.Count != ByteLength(entry))
            {
                throw new ArgumentException($"'{entry.Name}' is ({string.Join(", ", entry.Shape)}) {entry.DType}, {ByteLength(entry)} bytes, but "
                    + $"{counter.Count} were written");
            }
        }
    }

    static long ByteLength(SafetensorsEntry entry) => entry.Shape.Aggregate((long)entry.DType.Size(), (product, size) => checked(product * size));

    static byte[] Header(List<SafetensorsEntry> given, List<SafetensorsEntry> inFile, IReadOnlyDictionary<string, string>? metadata)
    {
        var begins = new Dictionary<string, long>();
        long at = 0;
        foreach (var entry in inFile)
        {
            if (entry.Name == "__metadata__" || !begins.TryAdd(entry.Name, at)) { throw new ArgumentException($"the name '{entry.Name}' is taken"); }
            at = checked(at + ByteLength(entry));
        }
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[8]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal)) { json.WriteString(key, value); }
                json.WriteEndObject();
            }
            foreach (var entry in given) { WriteEntry(json, entry, begins[entry.Name]); }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) { buffer.WriteByte((byte)' '); }
        byte[] header = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        return header;
    }

    static void WriteEntry(Utf8JsonWriter json, SafetensorsEntry entry, long begin)
    {
        json.WriteStartObject(entry.Name);
        json.WriteString("dtype", SafetensorsReader.NameOf(entry.DType));
        json.WriteStartArray("shape");
        foreach (long size in entry.Shape) { json.WriteNumberValue(size); }
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(begin + ByteLength(entry));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    sealed class CountingStream(Stream inner) : Stream
    {
        public long Count { get; set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Count += buffer.Length;
            inner.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
