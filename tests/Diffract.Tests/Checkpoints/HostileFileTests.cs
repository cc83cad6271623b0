using System.Diagnostics;
using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

/// <summary>
/// Some thousand damaged copies of every small checkpoint: cut short, bytes changed, lengths made huge. Each opens with all tensors inside the file or throws
/// CheckpointException; nothing else may happen, and memory stays in proportion to the file.
/// </summary>
public sealed class HostileFileTests
{
    /// <summary>Managed bytes that opening a file may take: room for messages and buffers, and the objects that a pickle can make a byte.</summary>
    public static long AllowedMemory(long fileLength) => (512 << 10) + 200 * fileLength;

    static readonly byte[][] Overlays =
    [
        [0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f], [0, 0, 0, 0], [0, 0, 0, 0x80], [0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "PK\x05\x06"u8.ToArray(), "99999999"u8.ToArray(),
        "h\0h\0h\0"u8.ToArray(), "((((((((("u8.ToArray(), "tttttttt"u8.ToArray(), "RRRR"u8.ToArray(),
    ];

    [Theory]
    [InlineData("bf16.pt")]
    [InlineData("latest.pth")]
    [InlineData("nested.pt")]
    [InlineData("parameters.pt")]
    [InlineData("types.pt")]
    [InlineData("types_old_container.pt")]
    [InlineData("views.pt")]
    [InlineData("views_old_container.pt")]
    [InlineData("expected.safetensors")]
    public void Damaged_copies_open_within_bounds_or_are_refused(string name)
    {
        byte[] original = File.ReadAllBytes(Golden.PathOf("pt_formats", name));
        using var folder = new ScratchFolder();
        var watch = Stopwatch.StartNew();
        var copies = Truncated(original).Concat(Changed(original)).Concat(Overlaid(original)).ToList();
        int opened = copies.Count(copy => OpensWithinBounds(folder.Write("x", copy), copy.Length));
        Assert.InRange(copies.Count, 700, 5000);
        Assert.InRange(opened, 1, copies.Count - 100);         // some damage is to numbers only, most is to structure
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);     // far above what it takes: no copy may hang
    }

    static IEnumerable<byte[]> Truncated(byte[] original)
    {
        for (int length = 0; length < original.Length; length += length < 64 || length > original.Length - 128 ? 1 : 7) { yield return original[..length]; }
    }

    static IEnumerable<byte[]> Changed(byte[] original)
    {
        var random = new Random(1);
        for (int i = 0; i < 600; i++)
        {
            byte[] copy = [.. original];
            for (int changes = 1 + i % 3; changes > 0; changes--) { copy[random.Next(copy.Length)] ^= (byte)random.Next(1, 256); }
            yield return copy;
        }
    }

    static IEnumerable<byte[]> Overlaid(byte[] original)
    {
        var random = new Random(2);
        for (int i = 0; i < 400; i++)
        {
            byte[] copy = [.. original], overlay = Overlays[i % Overlays.Length];
            overlay.CopyTo(copy, random.Next(copy.Length - overlay.Length));
            yield return copy;
        }
    }

    static bool OpensWithinBounds(string path, long length)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using var file = CheckpointFile.Open(path);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedMemory(length));
            foreach (var tensor in file.Tensors.Values) { AssertWithin(tensor, length); }
            return true;
        }
        catch (CheckpointException e)
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedMemory(length));
            Assert.DoesNotContain('\n', e.Message);
            Assert.StartsWith(path, e.Message);
            return false;
        }
    }

    static void AssertWithin(StoredTensor tensor, long length)
    {
        Int128 last = tensor.FileOffset;
        for (int d = 0; d < tensor.Shape.Length && tensor.Count > 0; d++) { last += (Int128)(tensor.Shape[d] - 1) * tensor.Strides[d] * tensor.DType.Size(); }
        Assert.InRange(last, 0, length - (tensor.Count > 0 ? tensor.DType.Size() : 0));
        Assert.InRange(tensor.ByteLength, 0, Math.Max(length, 1 << 20));
        tensor.CopyTo(Scratch.AsSpan(0, (int)tensor.ByteLength));
    }

    static readonly byte[] Scratch = new byte[1 << 20];
}
