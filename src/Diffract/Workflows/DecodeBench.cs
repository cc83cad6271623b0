using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Times what happens to a JPEG before the net sees it: reading, decoding, halving, resampling, cropping.</summary>
public static class DecodeBench
{
    const int Side = 500, Quality = 90;

    /// <summary>JPEGs of built-in pictures, 500 pixels a side: 001.jpg and so on.</summary>
    public static void WritePictures(string folder, int count)
    {
        PictureOperators.Load();
        Directory.CreateDirectory(folder);
        var rgb = new byte[3 * Side * Side];
        for (var i = 0; i < count; i++)
        {
            using var scope = new TensorScope();
            new BuiltInPictures(seed: 1).RenderRgb(i, Side, rgb);
            var chw = Tensor.From(rgb, Side, Side, 3).Permute(2, 0, 1).Contiguous();
            File.WriteAllBytes(Path.Combine(folder, $"{i:d3}.jpg"), Dispatcher.Call("image::encode_jpeg", chw, Quality).ToArray<byte>());
        }
    }

    /// <summary>Seconds a picture, all files of the folder loaded at a size by one thread.</summary>
    public static BenchSample Measure(string folder, int side, int repeat)
    {
        PictureOperators.Load();
        var set = PictureSet.Open(folder);
        LoadRequest[] all = [.. set.Items.Select((_, i) => new LoadRequest(i))];
        return Bench.Sample(0, all.Length, warmUp: 1, repeat, _ =>
        {
            foreach (var request in all)
            {
                BatchLoader.LoadOne(set, request, side, side);
            }
        }) with { Threads = 1 };
    }
}
