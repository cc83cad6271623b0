using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

/// <summary>Pickles made to run code, to overflow the stack or to take memory out of proportion: one line of error each, memory bounded by the file.</summary>
public sealed class HostilePickleTests
{
    static void AssertRefused(byte[] pickle, string expected) => AssertFileRefused(CraftedZip.Checkpoint(pickle, ("0", new byte[16])), expected);

    static void AssertFileRefused(byte[] bytes, string expected)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write("x.pt", bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var fault = Record.Exception(() => CheckpointFile.Open(path).Dispose());
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Contains(expected, Assert.IsType<CheckpointException>(fault).Message);
        Assert.DoesNotContain('\n', fault.Message);
        Assert.InRange(fault.Message.Length, 1, 700);
        Assert.InRange(taken, 0, HostileFileTests.AllowedMemory(bytes.Length));
    }

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "exec")]
    [InlineData("torch", "load")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("collections", "OrderedDict.fromkeys")]
    [InlineData("torch._utils", "_rebuild_tensor_v2.__globals__")]
    [InlineData("torch.nn.modules.linear", "Linear")]
    public void Names_of_code_are_refused(string module, string name)
    {
        AssertRefused(new CraftedPickle().Global(module, name).Op("(").Text("touch /").Op("tR").Bytes, $"refuses to run '{module}.{name}'");
        AssertRefused(new CraftedPickle().Text(module).Text(name).Raw(0x93).Bytes, $"refuses to run '{module}.{name}'");
    }

    [Fact]
    public void Names_are_shown_in_one_short_line() =>
        AssertRefused(new CraftedPickle().Text("a\nb\u001b[31m").Text(new string('x', 100_000)).Raw(0x93).Bytes, "'a?b?[31m.xxx");

    [Theory]
    [InlineData("i", "instruction 0x69")]                      // INST
    [InlineData("o", "instruction 0x6f")]                      // OBJ
    [InlineData("P", "instruction 0x50")]                      // PERSID
    [InlineData("\u0082", "instruction 0x82")]                 // EXT1
    [InlineData("\u0092", "instruction 0x92")]                 // NEWOBJ_EX
    [InlineData("\u0097", "instruction 0x97")]                 // NEXT_BUFFER
    [InlineData(".", "nothing to work on")]
    [InlineData("0", "nothing to work on")]
    [InlineData("t", "a mark is missing")]
    [InlineData("1", "a mark is missing")]
    [InlineData("e", "a mark is missing")]
    [InlineData("N(a", "nothing to work on")]
    [InlineData("N\u0086", "too little")]
    [InlineData("NNa", "items for a list that is none")]
    [InlineData("NNNs", "items for a dict that is none")]
    [InlineData("}(Nu", "items for a dict that is none")]
    [InlineData("NNR", "a call of what is no function")]
    [InlineData("NNb", "attributes for an object that has none")]
    [InlineData("NQ", "other than a storage")]
    [InlineData("q\0", "nothing to work on")]
    [InlineData("h\0", "there is no memo 0")]
    [InlineData("NN\u0093", "no text")]
    [InlineData("X\u00ff\u00ff\u00ff\u007f", "before 2147483647 more bytes")]
    [InlineData("T\u00ff\u00ff\u00ff\u00ff", "before -1 more bytes")]
    [InlineData("B\u0000\u0000\u0000\u0040", "before 1073741824 more bytes")]
    [InlineData("X\u0001\0\0\0\u00ff", "not UTF-8")]
    [InlineData("Nr\u00ff\u00ff\u00ff\u007f", "memo 2147483647 after")]
    [InlineData("Nr\u00ff\u00ff\u00ff\u00ff", "memo -1 after")]
    [InlineData("ccollections\nOrderedDict\nNR", "no function")]
    [InlineData("ccollections\nOrderedDict\n)R", "the pickle ends")]
    public void Faulty_instructions_are_refused(string instructions, string expected) =>
        AssertRefused(new CraftedPickle().Op(instructions).Bytes[..^1], expected);

    [Fact]
    public void Deep_nesting_costs_no_stack()
    {
        const int Depth = 1_000_000;
        AssertRefused(new CraftedPickle().Op(new string(']', Depth) + new string('a', Depth - 1)).Bytes, "more than 64 dicts and lists");
        AssertRefused(new CraftedPickle().Op(")" + new string('\x85', Depth)).Bytes, "more than 64 dicts and lists");
        AssertRefused(new CraftedPickle().Op(new string('(', Depth) + new string('t', Depth)).Bytes, "more than 64 dicts and lists");
    }

    [Fact]
    public void Calls_in_calls_cost_no_stack()
    {
        var pickle = new CraftedPickle().Op(")");
        for (int i = 0; i < 20_000; i++)
        {
            pickle.Raw((byte)'q', 0).Global("torch._tensor", "_rebuild_from_type_v2").Op("(")
                .Global("torch._tensor", "_rebuild_from_type_v2").Global("torch", "Tensor").Op("h\0}t");
        }
        AssertRefused(pickle.Op("R").Bytes, "'_rebuild_from_type_v2' with arguments");
    }

    [Fact]
    public void Lists_that_hold_themselves_are_refused()
    {
        AssertRefused(new CraftedPickle().Op("]q\0h\0a").Bytes, "more than 64 dicts and lists");
        AssertRefused(new CraftedPickle().Op("]q\0(h\0h\0h\0h\0e").Bytes, "more than 64 dicts and lists");
        AssertRefused(new CraftedPickle().Op("}q\0").Text("a").Op("h\0s").Bytes, "more than 64 dicts and lists");
    }

    [Fact]
    public void Lists_of_shared_lists_do_not_unfold()
    {
        var laughs = new CraftedPickle().Op("]}aq\0");
        for (byte level = 1; level < 40; level++)
        {
            byte[] ten = [.. Enumerable.Repeat<byte[]>([(byte)'h', (byte)(level - 1)], 10).SelectMany(b => b)];
            laughs.Op("](").Raw(ten).Op("eq").Raw(level);
        }
        AssertRefused(laughs.Bytes, "unfold to far more than its own length");
        var plain = new CraftedPickle().Op("](" + new string('N', 20_000) + "eq\0]}a(" + string.Concat(Enumerable.Repeat("h\0", 20_000)) + "e");
        AssertRefused(plain.Bytes, "unfold to far more than its own length");
    }

    [Fact]
    public void Names_do_not_unfold()
    {
        var pickle = new CraftedPickle().Op("}").Text(new string('k', 50_000)).Op("}(");
        for (int i = 0; i < 5_000; i++) { pickle.Text($"{i}").Op("N"); }
        AssertRefused(pickle.Op("us").Bytes, "unfold to far more than its own length");
    }

    [Fact]
    public void Repeated_calls_do_not_copy()
    {
        // a namespace given itself as its attributes, over and over, and one long text encoded over and over
        var self = new CraftedPickle().Global("argparse", "Namespace").Op(")\x81q\0}").Text("a").Op("Nsb");
        AssertRefused(self.Op(string.Concat(Enumerable.Repeat("h\0b", 20_000)) + "h\x05").Bytes, "no memo 5");
        var text = new CraftedPickle().Text(new string('x', 100_000)).Op("q\0").Text("latin1").Op("q\x01").Global("_codecs", "encode").Op("q\x02");
        AssertRefused(text.Op(string.Concat(Enumerable.Repeat("h\x02h\0h\x01\x86R", 10_000))).Bytes, "'encode' with arguments");
    }

    [Fact]
    public void Memo_grows_with_the_pickle_only()
    {
        var pickle = new CraftedPickle().Op("N");
        for (int i = 0; i < 10_000; i++) { pickle.Op("r").Int32(i * 5); }
        AssertRefused(pickle.Op("r").Int32(100_000).Bytes, "memo 100000 after");
    }

    [Fact]
    public void Tensors_that_repeat_one_storage_are_bounded()
    {
        byte[] storage = new byte[1 << 21];
        var pickle = new CraftedPickle().Op("](").Tensor("0", 1 << 19, 0, [1 << 19], [1]).Op("q\0" + string.Concat(Enumerable.Repeat("h\0", 20)) + "e");
        AssertFileRefused(CraftedZip.Checkpoint(pickle.Bytes, ("0", storage)), "16 times as large as the file");
    }

    [Fact]
    public void Names_that_meet_after_flattening_are_refused() =>
        AssertRefused(new CraftedPickle().Op("}(").Text("a.b").Op("N").Text("a").Op("}").Text("b").Op("Nsu").Bytes, "two entries have the name 'a.b'");

    [Fact]
    public void Pickle_without_a_zip_is_refused()
    {
        AssertFileRefused(new CraftedPickle().Global("posix", "system").Op("(").Text("true").Op("tR").Bytes, "neither safetensors nor");
    }
}
