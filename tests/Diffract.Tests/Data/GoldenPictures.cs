using System.Runtime.InteropServices;
using Diffract.Torch;

namespace Diffract.Tests.Data;

/// <summary>The golden files of pictures: plain bytes, and arrays of a safetensors file as bytes.</summary>
sealed class GoldenPictures
{
    readonly Dictionary<string, (long[] Shape, byte[] Data)> _arrays = [];

    public GoldenPictures(string folder, string file)
    {
        using var stored = CheckpointFile.Open(Golden.PathOf(folder, file));
        foreach (var (name, tensor) in stored.Tensors)
        {
            var data = new byte[tensor.ByteLength];
            tensor.CopyTo(data);
            _arrays[name] = ([.. tensor.Shape], data);
        }
    }

    public IEnumerable<string> Names => _arrays.Keys;

    public byte[] this[string name] => _arrays[name].Data;

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(this[name]).ToArray();

    public (int Width, int Height) Size(string name) => ((int)_arrays[name].Shape[1], (int)_arrays[name].Shape[0]);

    public static byte[] ReadFile(string folder, string file) => File.ReadAllBytes(Golden.PathOf(folder, file));
}
