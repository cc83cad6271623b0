using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Diffract.Tests.Data;

/// <summary>The golden files of pictures: plain bytes, and arrays of a safetensors file as bytes.</summary>
sealed class GoldenPictures
{
    readonly Dictionary<string, (long[] Shape, byte[] Data)> _arrays = [];

    public GoldenPictures(string folder, string file)
    {
        byte[] bytes = ReadFile(folder, file);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var json = JsonDocument.Parse(bytes.AsMemory(8, header));
        foreach (var entry in json.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            int from = 8 + header + offsets[0].GetInt32(), to = 8 + header + offsets[1].GetInt32();
            _arrays[entry.Name] = ([.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())], bytes[from..to]);
        }
    }

    public IEnumerable<string> Names => _arrays.Keys;

    public byte[] this[string name] => _arrays[name].Data;

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(this[name]).ToArray();

    public (int Width, int Height) Size(string name) => ((int)_arrays[name].Shape[1], (int)_arrays[name].Shape[0]);

    public static byte[] ReadFile(string folder, string file) => File.ReadAllBytes(Path.Combine(Root, folder, file));

    static readonly string Root = FindRoot();

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Diffract.slnx"))) { folder = folder.Parent; }
        return Path.Combine(folder.FullName, "tests", "golden");
    }
}
