using Diffract.Torch;

namespace Diffract.Tests.Checkpoints;

public sealed class AtomicFileTests
{
    [Fact]
    public void Write_replaces_the_file_and_leaves_nothing_beside_it()
    {
        using var folder = new ScratchFolder();
        AtomicFile.Write(folder["a.bin"], new byte[] { 1, 2 });
        AtomicFile.Write(folder["a.bin"], stream => stream.Write([3, 4, 5]));
        Assert.Equal([3, 4, 5], File.ReadAllBytes(folder["a.bin"]));
        Assert.Equal(["a.bin"], folder.Names);
    }

    [Fact]
    public void Write_that_fails_keeps_the_older_file()
    {
        using var folder = new ScratchFolder();
        AtomicFile.Write(folder["a.bin"], new byte[] { 1, 2 });
        Assert.Throws<InvalidDataException>(() => AtomicFile.Write(folder["a.bin"], stream =>
        {
            stream.Write(new byte[100_000]);
            throw new InvalidDataException();
        }));
        Assert.Equal([1, 2], File.ReadAllBytes(folder["a.bin"]));
        Assert.Equal(["a.bin"], folder.Names);
    }

    [Fact]
    public void Write_is_partial_under_another_name_until_it_is_done()
    {
        using var folder = new ScratchFolder();
        string[] during = [];
        AtomicFile.Write(folder["a.bin"], stream =>
        {
            stream.WriteByte(1);
            during = folder.Names;
        });
        Assert.EndsWith(AtomicFile.PartialSuffix, Assert.Single(during));
    }

    [Fact]
    public void Write_beside_an_open_checkpoint_leaves_the_open_one_as_it_was()
    {
        using var folder = new ScratchFolder();
        SafetensorsWriter.Write(folder["w.safetensors"], [SafetensorsEntry.Of("w", [2], [1f, 2f])]);
        using var open = CheckpointFile.Open(folder["w.safetensors"]);
        SafetensorsWriter.Write(folder["w.safetensors"], [SafetensorsEntry.Of("w", [2], [3f, 4f])]);
        Assert.Equal([1f, 2f], open.Get("w").ToArray<float>());
    }
}
