using System.Text;
using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

/// <summary>Forms of torch.save other than those of PyTorch 1.13 that the golden files show, and archives that contradict themselves.</summary>
public sealed class TorchArchiveTests
{
    static readonly byte[] Floats = [.. new[] { 1f, 2f, 3f, 4f }.SelectMany(BitConverter.GetBytes)];

    static byte[] OneTensor => new CraftedPickle().Op("}").Text("w").Tensor("0", 4, 0, [4], [1]).Op("s").Bytes;

    static byte[] View(long count, long first, long[] shape, long[] strides) =>
        CraftedZip.Checkpoint(new CraftedPickle().Op("}").Text("w").Tensor("0", count, first, shape, strides).Op("s").Bytes, ("0", Floats));

    static void AssertRefused(byte[] bytes, string expected)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write("x.pt", bytes);
        var fault = Assert.Throws<CheckpointException>(() => CheckpointFile.Open(path));
        Assert.Contains(expected, fault.Message);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Fact]
    public void Parameters_with_attributes_and_untyped_storages_are_read()
    {
        // PyTorch 2: torch.save({"v3": ..., "p": Parameter with an attribute}); the pickle instructions are those of its _rebuild functions
        byte[] pickle = new CraftedPickle().Op("}(")
            .Text("v3").Global("torch._utils", "_rebuild_tensor_v3").Op("(").Storage("torch.storage", "UntypedStorage", "0", 16).Long(1).Longs(2).Longs(1)
            .Raw(0x89).Global("collections", "OrderedDict").Op(")R").Global("torch", "int32").Op("tR")
            .Text("p").Global("torch._tensor", "_rebuild_from_type_v2").Op("(").Global("torch._utils", "_rebuild_parameter")
            .Global("torch.nn.parameter", "Parameter").Op("(").Tensor("0", 4, 2, [2], [1]).Raw(0x88).Global("collections", "OrderedDict").Op(")Rt}tR")
            .Text("f8").Global("torch._utils", "_rebuild_tensor_v3").Op("(").Storage("torch.storage", "UntypedStorage", "0", 16).Long(0).Longs(16).Longs(1)
            .Raw(0x89).Global("collections", "OrderedDict").Op(")R").Global("torch", "float8_e5m2").Op("tR")
            .Op("u").Bytes;
        using var folder = new ScratchFolder();
        using var file = CheckpointFile.Open(folder.Write("x.pt", CraftedZip.Checkpoint(pickle, ("0", Floats))));
        Assert.Equal([2f, 3f], file.Get("v3").ToArray<int>().Select(BitConverter.Int32BitsToSingle));
        Assert.Equal([3f, 4f], file.Get("p").ToArray<float>());
        Assert.Equal("float8_e5m2", file.Unreadable["f8"]);
    }

    [Fact]
    public void Namespaces_and_numpy_scalars_become_values()
    {
        byte[] pickle = new CraftedPickle().Op("}(")
            .Text("args").Global("argparse", "Namespace").Raw((byte)')', 0x81).Op("}").Text("lr").Op("G").Raw(0x3f, 0xe0, 0, 0, 0, 0, 0, 0).Op("sb")
            .Text("best").Global("numpy.core.multiarray", "scalar").Global("numpy", "dtype").Text("f8").Raw(0x89, 0x88, 0x87).Op("R(")
            .Long(3).Text("<").Op("NNN").Long(-1).Long(-1).Long(0).Op("tb")
            .Global("_codecs", "encode").Text("\0\0\0\0\0\0ø?").Text("latin1").Raw(0x86).Op("R").Raw(0x86).Op("R")
            .Op("u").Bytes;
        using var folder = new ScratchFolder();
        using var file = CheckpointFile.Open(folder.Write("x.pt", CraftedZip.Checkpoint(pickle)));
        Assert.Equal((0.5, 1.5), (file.Values["args.lr"], file.Values["best"]));
    }

    [Fact]
    public void Byteorder_of_a_big_endian_machine_is_refused()
    {
        CraftedZip.Entry[] Entries(string order) => [new("x/data.pkl", OneTensor), new("x/byteorder", Encoding.ASCII.GetBytes(order)), new("x/data/0", Floats)];
        AssertRefused(new CraftedZip().Build(Entries("big")), "big-endian");
        using var folder = new ScratchFolder();
        using var file = CheckpointFile.Open(folder.Write("x.pt", new CraftedZip().Build(Entries("little"))));
        Assert.Equal([1f, 2f, 3f, 4f], file.Get("w").ToArray<float>());
    }

    [Theory]
    [InlineData(4, 0, 5, 1, "does not fit into its storage of 4 elements")]
    [InlineData(4, 1, 4, 1, "does not fit")]
    [InlineData(4, 0, 2, 4, "does not fit")]
    [InlineData(4, -1, 2, 1, "does not fit")]
    [InlineData(4, 0, -1, 1, "does not fit")]
    [InlineData(4, 3, 2, -1, "does not fit")]
    [InlineData(4, 0, long.MaxValue, long.MaxValue, "does not fit")]
    [InlineData(4, long.MaxValue, 2, 1, "does not fit")]
    [InlineData(4, 0, 1L << 40, 0, "does not fit")]
    [InlineData(5, 0, 1, 1, "its storage is said to have 5 elements of 4")]
    [InlineData(long.MaxValue, 0, 1, 1, "is said to have 9223372036854775807 elements")]
    [InlineData(-1, 0, 1, 1, "other than a storage")]
    public void View_outside_its_storage_is_refused(long count, long first, long size, long stride, string expected) =>
        AssertRefused(View(count, first, [size], [stride]), expected);

    [Fact]
    public void Shapes_that_overflow_are_refused()
    {
        AssertRefused(View(4, 0, [.. Enumerable.Repeat(1L << 32, 64)], new long[64]), "does not fit");
        AssertRefused(View(4, 0, new long[65], new long[65]), "arguments that torch.save does not write");
        AssertRefused(View(4, 0, [2, 2], [1]), "arguments that torch.save does not write");
    }

    [Fact]
    public void Missing_storage_is_named() => AssertRefused(CraftedZip.Checkpoint(OneTensor), "no entry 'x/data/0'");

    [Fact]
    public void Archives_that_are_no_checkpoint_say_so()
    {
        AssertRefused(new CraftedZip().Build(new CraftedZip.Entry("a.npy", Floats)), "without data.pkl");
        AssertRefused(new CraftedZip().Build(new CraftedZip.Entry("x/data.pkl", OneTensor), new CraftedZip.Entry("x/constants.pkl", [])), "TorchScript");
        AssertRefused(new CraftedZip().Build(new("x/data.pkl", OneTensor), new("y/data.pkl", OneTensor)), "2 entries data.pkl");
    }

    static void AssertEntryRefused(string expected, Func<CraftedZip.Entry, CraftedZip.Entry> change, CraftedZip? zip = null) =>
        AssertRefused((zip ?? new CraftedZip()).Build(new("x/data.pkl", OneTensor), change(new("x/data/0", Floats))), expected);

    [Fact]
    public void Entries_that_contradict_the_directory_are_refused()
    {
        AssertEntryRefused("encrypted", e => e with { Flags = 1 });
        AssertEntryRefused("compressed (method 8)", e => e with { Method = 8 });
        AssertEntryRefused("contradicts the zip directory", e => e with { LocalName = "x/data/1" });
        AssertEntryRefused("contradicts the zip directory", e => e with { LocalLength = 3 });
        AssertEntryRefused("contradicts the zip directory", e => e with { CentralLength = 8 });
        AssertEntryRefused("only 16 follow", e => e with { CentralLength = 0x7fffffff });
        AssertEntryRefused("zip64 sizes are missing", e => e with { CentralLength = uint.MaxValue });
        AssertEntryRefused("zip64 sizes are missing", e => e with { CentralLength = uint.MaxValue, Extra = [1, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8] });
        byte[] negative = [1, 0, 16, 0, .. Enumerable.Repeat((byte)0xff, 16)];
        AssertEntryRefused("is said to have -1 bytes", e => e with { CentralLength = uint.MaxValue, Extra = negative });
        AssertEntryRefused("is said to start at byte", e => e with { HeaderOffset = 0x7fffffff });
        AssertEntryRefused("should be the header", e => e with { HeaderOffset = 7 });
        AssertEntryRefused("two entries 'x/data.pkl'", e => e with { Name = "x/data.pkl" });
        AssertEntryRefused("is not so", e => e, new CraftedZip { Count = 5000 });
        AssertEntryRefused("bytes follow the last entry", e => e, new CraftedZip { Count = 1 });
        AssertEntryRefused("is not so", e => e, new CraftedZip { CentralOffset = 10 });
        AssertEntryRefused("zip64 locator", e => e, new CraftedZip { CentralOffset = uint.MaxValue });
    }

    [Fact]
    public void Entries_that_share_bytes_are_refused()
    {
        // an entry whose content is itself a whole entry, and a record that points at the inner one
        byte[] inner = new CraftedZip().Build(new CraftedZip.Entry("x/data/0", Floats))[..^(46 + 8 + 22)];
        var outer = new CraftedZip.Entry("x/data/1", inner);
        byte[] pickle = OneTensor;
        uint offset = (uint)(30 + "x/data.pkl".Length + pickle.Length + 30 + "x/data/1".Length);
        byte[] zip = new CraftedZip().Build(new("x/data.pkl", pickle), outer, new("x/data/0", Floats) { HeaderOffset = offset });
        AssertRefused(zip, "overlap");
    }

    [Fact]
    public void Archive_of_thousands_of_storages_is_read()
    {
        const int Count = 5000;
        var pickle = new CraftedPickle().Op("}");
        for (int i = 0; i < Count; i++) { pickle.Text($"layer.{i}").Tensor($"{i}", 1, 0, [1], [1]).Op("s"); }
        var storages = Enumerable.Range(0, Count).Select(i => ($"{i}", BitConverter.GetBytes((float)i))).ToArray();
        using var folder = new ScratchFolder();
        using var file = CheckpointFile.Open(folder.Write("x.pt", CraftedZip.Checkpoint(pickle.Bytes, storages)));
        Assert.Equal(Count, file.Tensors.Count);
        Assert.Equal([4321f], file.Get("layer.4321").ToArray<float>());
    }
}
