using System.Runtime.InteropServices;

namespace Diffract.Torch;

/// <summary>Between tensors and checkpoint files.</summary>
public static class TensorFiles
{
    /// <summary>A tensor of its own with the stored values, contiguous, in the host's memory.</summary>
    public static unsafe Tensor ToTensor(this StoredTensor stored)
    {
        var tensor = Aten.Empty([.. stored.Shape], stored.DType);
        const int Most = 1 << 30;                                                          // bytes a span may hold
        var size = stored.DType.Size();
        for (long done = 0; done < stored.Count;)
        {
            var count = (int)Math.Min(Most / size, stored.Count - done);
            stored.CopyTo(done, new Span<byte>((byte*)tensor.Data + done * size, count * size));
            done += count;
        }
        return tensor;
    }

    /// <summary>A tensor as an entry of a file to be written; its values are read when the entry's turn comes.</summary>
    public static SafetensorsEntry ToEntry(this Tensor tensor, string name) => new(name, tensor.DType, tensor.Shape, stream =>
    {
        using var scope = new TensorScope();
        stream.Write(Bytes(tensor.Detach().To(Device.Cpu).Contiguous()));
    });

    /// <summary>Reads all tensors of a small file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    public static IReadOnlyDictionary<string, Tensor> ReadAll(string path)
    {
        using var file = CheckpointFile.Open(path);
        return file.Tensors.ToDictionary(t => t.Key, t => t.Value.ToTensor());
    }

    static unsafe ReadOnlySpan<byte> Bytes(Tensor tensor) => new((void*)tensor.Data, checked((int)(tensor.Elements * tensor.DType.Size())));
}
