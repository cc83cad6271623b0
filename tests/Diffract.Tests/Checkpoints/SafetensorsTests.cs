using System.Buffers.Binary;
using System.Text;
using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

public sealed class SafetensorsTests
{
    static readonly SafetensorsEntry[] Entries =
    [
        SafetensorsEntry.Of("mask", DType.Bool, [3], new byte[] { 1, 0, 1 }),
        SafetensorsEntry.Of("ä \"quoted\"", [2, 2], [1f, -2f, float.NaN, 4f]),
        SafetensorsEntry.Of("empty", [0, 4], Array.Empty<float>()),
        SafetensorsEntry.Of("step", [], [42L]),
        SafetensorsEntry.Of("half", DType.Float16, [2], new byte[] { 0, 0x3c, 0, 0xc0 }),
    ];

    static readonly Dictionary<string, string> Metadata = new() { ["made by"] = "a test", ["b"] = "line\nbreak", ["a"] = "" };

    static byte[] FileOf(string header, int data) =>
        [.. BitConverter.GetBytes((long)Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header), .. new byte[data]];

    [Fact]
    public void Written_file_reads_back_bit_by_bit()
    {
        using var folder = new ScratchFolder();
        SafetensorsWriter.Write(folder["a.safetensors"], Entries, Metadata);
        using var file = CheckpointFile.Open(folder["a.safetensors"]);
        Assert.Equal(Entries.Select(e => e.Name), file.Tensors.Keys);
        foreach (var entry in Entries)
        {
            using var wanted = new MemoryStream();
            entry.Write(wanted);
            byte[] actual = new byte[file.Get(entry.Name).ByteLength];
            file.Get(entry.Name).CopyTo(actual);
            Assert.Equal(wanted.ToArray(), actual);
            Assert.Equal((entry.DType, string.Join(",", entry.Shape)), (file.Get(entry.Name).DType, string.Join(",", file.Get(entry.Name).Shape)));
        }
        Assert.Equal(["a", "b", "made by"], file.Metadata.Keys);
        Assert.Equal("line\nbreak", file.Metadata["b"]);
    }

    [Fact]
    public void Written_tensors_are_aligned()
    {
        using var folder = new ScratchFolder();
        SafetensorsWriter.Write(folder["a.safetensors"], Entries, Metadata);
        using var file = CheckpointFile.Open(folder["a.safetensors"]);
        Assert.All(file.Tensors.Values, t => Assert.True(t.IsAligned && t.IsContiguous && t.FileOffset % t.DType.Size() == 0));
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(file.Path)) % 8);
    }

    [Fact]
    public void Writing_states_its_bytes()
    {
        using var stream = new MemoryStream();
        SafetensorsEntry[] entries = [SafetensorsEntry.Of("m", DType.UInt8, [1], new byte[] { 7 }), SafetensorsEntry.Of("w", [1], [1f])];
        SafetensorsWriter.Write(stream, entries, new Dictionary<string, string> { ["k"] = "v" });
        const string header = """{"__metadata__":{"k":"v"},"m":{"dtype":"U8","shape":"""
            + """[1],"data_offsets":[4,5]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""";
        byte[] padded = Encoding.UTF8.GetBytes(header.PadRight((header.Length + 7) / 8 * 8));
        byte[] wanted = [.. BitConverter.GetBytes((long)padded.Length), .. padded, 0, 0, 0x80, 0x3f, 7];
        Assert.Equal(wanted, stream.ToArray());
    }

    [Fact]
    public void Stored_tensors_of_any_strides_can_be_written()
    {
        using var folder = new ScratchFolder();
        using var views = CheckpointFile.Open(Golden.PathOf("pt_formats", "views.pt"));
        SafetensorsWriter.Write(folder["v.safetensors"], views.Tensors.Select(t => SafetensorsEntry.Of(t.Key, t.Value)));
        using var file = CheckpointFile.Open(folder["v.safetensors"]);
        foreach (var (name, tensor) in views.Tensors) { Assert.Equal(tensor.ToArray<uint>(), file.Get(name).ToArray<uint>()); }
    }

    [Fact]
    public void Writing_refuses_wrong_lengths_and_doubled_names()
    {
        using var folder = new ScratchFolder();
        var tooShort = SafetensorsEntry.Of("w", [3], [1f, 2f]);
        Assert.Contains("12 bytes, but 8", Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["a"], [tooShort])).Message);
        var w = SafetensorsEntry.Of("w", [1], [1f]);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["a"], [w, w]));
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void Unknown_element_types_are_listed_and_refused_when_asked_for()
    {
        using var folder = new ScratchFolder();
        const string header = """{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""";
        using var file = CheckpointFile.Open(folder.Write("f8", FileOf(header, 3)));
        Assert.Equal("F8_E4M3", file.Unreadable["a"]);
        Assert.Contains("element type F8_E4M3", Assert.Throws<CheckpointException>(() => file.Get("a")).Message);
        Assert.Equal(1, file.Get("b").Count);
    }

    [Theory]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "3 bytes. Is the file complete?")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "the file goes on")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "[4, 0)")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "takes 8 bytes, but 4 are given")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "too large")]
    [InlineData("""{"w":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}""", 4, "takes 36893488147419103228 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "at most 2 whole numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1]}}""", 4, "lacks")]
    [InlineData("""{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "two of dtype")]
    [InlineData("""{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "two tensors 'w'")]
    [InlineData("""{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", 6, "overlap")]
    [InlineData("""{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}}""", 9, "hole")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "Number where String")]
    [InlineData("""{"w":{"dtype":"F32","x":[[[[[[[[[[0]]]]]]]]]],"shape":[1],"data_offsets":[0,4]}}""", 4, "not what the format says")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "not what the format says")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x""", 4, "not what the format says")]
    [InlineData("""{"w":""", 4, "not what the format says")]
    public void Faulty_header_is_refused(string header, int data, string expected)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write("x.safetensors", FileOf(header, data));
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => CheckpointFile.Open(path)).Message);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(99_999_999)]
    [InlineData(3)]
    public void Header_longer_than_the_file_is_refused(long length)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write("x.safetensors", [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        Assert.Contains($"claims {(ulong)length} bytes", Assert.Throws<CheckpointException>(() => CheckpointFile.Open(path)).Message);
    }
}
