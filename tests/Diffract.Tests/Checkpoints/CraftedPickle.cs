using System.Buffers.Binary;
using System.Text;

namespace Diffract.Tests.Checkpoints;

/// <summary>Pickles put together instruction by instruction, to stand for files that PyTorch here does not write.</summary>
sealed class CraftedPickle
{
    readonly MemoryStream _bytes = new();

    public CraftedPickle() => Raw([0x80, 2]);

    /// <summary>The pickle with its STOP.</summary>
    public byte[] Bytes => [.. _bytes.ToArray(), (byte)'.'];

    public CraftedPickle Raw(params byte[] bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>Instructions without arguments, such as "(" or "tR".</summary>
    public CraftedPickle Op(string instructions) => Raw(Encoding.Latin1.GetBytes(instructions));

    public CraftedPickle Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op("X").Int32(utf8.Length).Raw(utf8);
    }

    public CraftedPickle Global(string module, string name) => Raw(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));

    /// <summary>An integer of 8 bytes.</summary>
    public CraftedPickle Long(long number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return Raw(0x8a, 8).Raw(bytes.ToArray());
    }

    public CraftedPickle Longs(params long[] numbers)
    {
        Op("(");
        foreach (long number in numbers) { Long(number); }
        return Op("t");
    }

    public CraftedPickle Int32(int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return Raw(bytes.ToArray());
    }

    public CraftedPickle Storage(string module, string type, string key, long count) =>
        Op("(").Text("storage").Global(module, type).Text(key).Text("cpu").Long(count).Op("tQ");

    /// <summary>torch._utils._rebuild_tensor_v2 of a storage of floats.</summary>
    public CraftedPickle Tensor(string key, long count, long first, long[] shape, long[] strides, string type = "FloatStorage") =>
        Global("torch._utils", "_rebuild_tensor_v2").Op("(").Storage("torch", type, key, count).Long(first).Longs(shape).Longs(strides)
            .Raw(0x89).Global("collections", "OrderedDict").Op(")RtR");
}
