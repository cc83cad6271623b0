using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

public sealed class CheckpointFileTests
{
    static CheckpointFile Open(params string[] parts) => CheckpointFile.Open(Golden.PathOf(parts));

    static byte[] Bits(StoredTensor tensor)
    {
        byte[] bytes = new byte[tensor.ByteLength];
        tensor.CopyTo(bytes);
        return bytes;
    }

    static void AssertSame(StoredTensor wanted, StoredTensor actual)
    {
        Assert.Equal((wanted.DType, string.Join(",", wanted.Shape)), (actual.DType, string.Join(",", actual.Shape)));
        Assert.Equal(Bits(wanted), Bits(actual));
    }

    // torch.load(file)[name] for every array that PyTorch 1.13 wrote; exact bits
    [Theory]
    [InlineData("views.pt", "views/", CheckpointFormat.TorchZip, 9)]
    [InlineData("views_old_container.pt", "views/", CheckpointFormat.TorchOld, 9)]
    [InlineData("types.pt", "types/", CheckpointFormat.TorchZip, 10)]
    [InlineData("types_old_container.pt", "types/", CheckpointFormat.TorchOld, 10)]
    [InlineData("parameters.pt", "parameters/", CheckpointFormat.TorchZip, 2)]
    [InlineData("latest.pth", "latest/", CheckpointFormat.TorchZip, 7)]
    [InlineData("nested.pt", "nested/", CheckpointFormat.TorchZip, 2)]
    public void Torch_file_gives_the_bits_of_PyTorch(string name, string prefix, CheckpointFormat format, int count)
    {
        using var expected = Open("pt_formats", "expected.safetensors");
        using var file = Open("pt_formats", name);
        Assert.Equal(format, file.Format);
        var wanted = expected.Tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        Assert.Equal(count, wanted.Count);
        foreach (var (key, tensor) in wanted) { AssertSame(tensor, file.Get(key[prefix.Length..].Replace('/', '.'))); }
    }

    [Fact]
    public void Bfloat16_has_the_upper_halves_of_the_float32_bits()
    {
        using var expected = Open("pt_formats", "expected.safetensors");
        using var file = Open("pt_formats", "bf16.pt");
        var tensor = file.Get("bf16");
        Assert.Equal(DType.BFloat16, tensor.DType);
        Assert.Equal(expected.Get("bf16/bf16_as_f32").ToArray<uint>(), tensor.ToArray<ushort>().Select(h => (uint)h << 16));
    }

    [Fact]
    public void Head_of_torch_equals_the_head_of_safetensors()
    {
        using var torch = Open("head_attention_string", "head.pt");
        using var safe = Open("head_attention_string", "head.safetensors");
        Assert.Equal(safe.Tensors.Keys.Order(), torch.Tensors.Keys.Order());
        foreach (var (name, tensor) in safe.Tensors) { AssertSame(tensor, torch.Get(name)); }
    }

    [Fact]
    public void Tensors_keep_the_order_of_the_file()
    {
        using var file = Open("pt_formats", "views.pt");
        Assert.Equal(["whole", "row2", "cols", "transposed", "strided", "tail", "expanded", "scalar", "conv"], file.Tensors.Keys);
    }

    [Fact]
    public void Views_share_their_storage()
    {
        using var file = Open("pt_formats", "views.pt");
        Assert.Equal(file.Get("whole").Address + 2 * 10 * sizeof(float), file.Get("row2").Address);
        Assert.Equal(file.Get("whole").Address, file.Get("transposed").Address);
        Assert.True(file.Get("tail").IsContiguous && file.Get("tail").IsAligned);
        Assert.False(file.Get("expanded").IsContiguous || file.Get("conv").IsContiguous);
    }

    [Fact]
    public unsafe void Address_points_at_the_mapped_elements()
    {
        using var file = Open("pt_formats", "types.pt");
        var tensor = file.Get("f64");
        Assert.Equal(tensor.ToArray<double>(), new ReadOnlySpan<double>((void*)tensor.Address, (int)tensor.Count).ToArray());
    }

    [Theory]
    [InlineData("transposed")]
    [InlineData("conv")]
    [InlineData("expanded")]
    public void CopyTo_from_any_element_gives_the_rest_of_the_whole_copy(string name)
    {
        using var file = Open("pt_formats", "views.pt");
        var tensor = file.Get(name);
        float[] whole = tensor.ToArray<float>();
        for (int first = 0; first <= whole.Length; first++)
        {
            float[] rest = new float[whole.Length - first];
            tensor.CopyTo(first, MemoryMarshal.AsBytes(rest.AsSpan()));
            Assert.Equal(whole[first..], rest);
        }
    }

    [Fact]
    public void CopyTo_a_stream_gives_large_strided_tensors_in_pieces()
    {
        const int Rows = 700, Columns = 900;                                               // 2.5 MB, more than a piece
        float[] elements = [.. Enumerable.Range(0, Rows * Columns).Select(i => (float)i)];
        byte[] pickle = new CraftedPickle().Op("}").Text("t").Tensor("0", elements.Length, 0, [Columns, Rows], [1, Columns]).Op("s").Bytes;
        using var folder = new ScratchFolder();
        using var file = CheckpointFile.Open(folder.Write("t.pt", CraftedZip.Checkpoint(pickle, ("0", MemoryMarshal.AsBytes(elements.AsSpan()).ToArray()))));
        using var stream = new MemoryStream();
        file.Get("t").CopyTo(stream);
        var copied = MemoryMarshal.Cast<byte, float>(stream.ToArray());
        for (int i = 0; i < copied.Length; i++) { Assert.Equal(elements[i % Rows * Columns + i / Rows], copied[i]); }
        Assert.Equal(elements.Length, copied.Length);
    }

    [Fact]
    public void CopyTo_refuses_a_destination_of_another_length()
    {
        using var file = Open("pt_formats", "types.pt");
        Assert.Throws<ArgumentException>(() => file.Get("f32").CopyTo(new byte[23]));
        Assert.Throws<ArgumentException>(() => file.Get("f32").CopyTo(5, new byte[8]));
        Assert.Throws<ArgumentException>(() => file.Get("f32").ToArray<double>());
    }

    [Fact]
    public void CopyTo_after_the_file_is_closed_says_so()
    {
        var file = Open("pt_formats", "views.pt");
        var tensor = file.Get("whole");
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.ToArray<float>());
    }

    [Fact]
    public void Values_hold_what_is_no_tensor_by_path()
    {
        using var golden = Golden.Load("pt_formats");
        using var file = Open("pt_formats", "latest.pth");
        var latest = golden.Description.GetProperty("latest_pth");
        var wanted = new Dictionary<string, object?>();
        Flatten(latest, "", wanted);
        Assert.Equal(wanted.Keys.Order(), file.Values.Keys.Order());
        foreach (var (name, value) in wanted) { Assert.Equal(value, file.Values[name]); }
        Assert.Equal(9L, file.Values["epoch"]);

        static void Flatten(JsonElement element, string name, Dictionary<string, object?> into)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (var child in element.EnumerateObject()) { Flatten(child.Value, name.Length == 0 ? child.Name : $"{name}.{child.Name}", into); }
                    break;
                case JsonValueKind.Array when element.GetArrayLength() > 0 && element[0].ValueKind == JsonValueKind.Object:
                    for (int i = 0; i < element.GetArrayLength(); i++) { Flatten(element[i], $"{name}.{i}", into); }
                    break;
                case JsonValueKind.Array: into[name] = element.EnumerateArray().Select(Plain).ToArray(); break;
                default: into[name] = Plain(element); break;
            }
        }

        static object? Plain(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Number => element.GetRawText().Contains('.') ? element.GetDouble() : (object)element.GetInt64(),
            JsonValueKind.Null => null,
            _ => element.GetBoolean(),
        };
    }

    [Fact]
    public void Lists_with_tensors_flatten_by_index()
    {
        using var file = Open("pt_formats", "nested.pt");
        Assert.Equal([1L, 2.5, "x", null, true], Enumerable.Range(0, 5).Select(i => file.Values[$"list.{i}"]));
        Assert.Equal([2L], file.Get("list.5.1").Shape.ToArray());
    }

    [Fact]
    public void StateDict_unwraps_the_dict_and_the_module_prefix()
    {
        using var file = Open("pt_formats", "nested.pt");
        Assert.Equal(["weight", "bias"], file.StateDict().Keys);
        Assert.Equal(["module.weight", "module.bias"], file.Under("state_dict").Keys);
    }

    [Fact]
    public void StateDict_of_several_dicts_names_them()
    {
        using var file = Open("pt_formats", "latest.pth");
        Assert.Equal(["model_head", "model_feedback"], file.Groups);
        Assert.Contains("'model_head', 'model_feedback'", Assert.Throws<CheckpointException>(() => file.StateDict()).Message);
        Assert.Equal(["weight", "bias"], file.Under("model_head").Keys);
    }

    [Fact]
    public void Sha256_is_that_of_the_whole_file()
    {
        using var file = Open("head_attention_string", "head.pt");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file.Path))), file.Sha256);
    }

    [Fact]
    public void Get_of_a_missing_name_shows_names_that_are_there()
    {
        using var file = Open("pt_formats", "parameters.pt");
        Assert.Contains("no tensor 'weight' among 2 (the first are 'w', 'b')", Assert.Throws<CheckpointException>(() => file.Get("weight")).Message);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "neither safetensors nor")]
    [InlineData("PK\x03\x04", "no directory at its end")]
    [InlineData("\u0080", "neither safetensors nor")]
    public void Open_says_what_is_wrong_with_a_file_that_is_none(string text, string expected)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write("x.pt", System.Text.Encoding.Latin1.GetBytes(text));
        var fault = Assert.Throws<CheckpointException>(() => CheckpointFile.Open(path));
        Assert.Contains(expected, fault.Message);
        Assert.StartsWith(path, fault.Message);
    }

    [Fact]
    public void Open_says_when_there_is_no_file()
    {
        using var folder = new ScratchFolder();
        Assert.Contains("no such file", Assert.Throws<CheckpointException>(() => CheckpointFile.Open(folder["x.pt"])).Message);
        Assert.Contains("cannot be opened", Assert.Throws<CheckpointException>(() => CheckpointFile.Open(Path.GetTempPath())).Message);
    }

    [Fact]
    public void Errors_carry_no_escape_codes_from_a_file_and_have_an_end()
    {
        Assert.Equal("there is no tensor ?[31mred", new CheckpointException("there is no tensor \u001b[31mred").Message);
        Assert.Equal(2003, new CheckpointException(new string('a', 100_000)).Message.Length);
    }
}
