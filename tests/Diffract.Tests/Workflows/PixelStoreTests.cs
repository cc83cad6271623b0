using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class PixelStoreTests
{
    [Fact]
    public void Raw_pixels_are_rows_that_a_head_is_fitted_on_and_the_unreadable_is_left_out()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        var whole = BuiltInSet.Make(seed: 3, first: 0, train: 60, test: 20, size: 16);
        var set = new PictureSet(whole.Name, whole.ClassNames, [.. whole.Items], [], i => i == 7 ? [1, 2, 3] : whole.ReadBytes(i));

        using var store = PixelStore.Make(ExtractItems.Of(set), 16, folder["pixels"]);
        var result = TrainHead.Run(store, PixelStore.Request(16), folder["head"]);

        Assert.Equal(16, PixelStore.SideOf(store));
        Assert.Equal(79, store.Rows);
        Assert.Equal(whole.Items[7].Path, Assert.Single(store.Manifest.Failures).Path);
        Assert.Equal(whole.Items[8].Path, store.ReadRows().ElementAt(7).File);
        Assert.Equal(ContentHash.Of(whole.ReadBytes(8)), store.HashOf(7));
        var picture = ImageDecoder.Decode(whole.ReadBytes(8), "8", ExifPolicy.Apply);
        var pixels = store.Gather(store.Request.Names.Single(), [7]).ToArray<float>();
        Assert.Equal(picture.Rgb[1] / 127.5f - 1, pixels[16 * 16], 1e-6);                  // green of the first pixel
        Assert.Equal(20, result.Test.Pictures);
        var written = File.GetLastWriteTimeUtc(folder["pixels/shard-00000.safetensors"]);
        using var again = PixelStore.Make(ExtractItems.Of(set), 16, folder["pixels"]);
        Assert.Equal(written, File.GetLastWriteTimeUtc(folder["pixels/shard-00000.safetensors"]));
    }

    [Fact]
    public void A_store_of_anything_else_is_refused_and_left_as_it_is()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"]);
        using (var features = FeatureStore.Open(folder["store"])) { Assert.Null(PixelStore.SideOf(features)); }
        var before = TemporaryFolder.Contents(folder["store"]);

        var refused = Assert.Throws<FeatureStoreException>(() => PixelStore.Make(items, 16, folder["store"]));

        Assert.Contains("model.sha256: tiny.safetensors (aaaaaaaaaaaa...) in the store, raw pixels (000000000000...) asked for", refused.Message);
        Assert.Equal(before, TemporaryFolder.Contents(folder["store"]));
    }

    [Fact]
    public void A_damaged_shard_is_made_again_and_strict_stops_at_what_cannot_be_read()
    {
        using var folder = new TemporaryFolder();
        var whole = TinyNet.Pictures();
        var items = ExtractItems.Of(new PictureSet(whole.Name, whole.ClassNames, [.. whole.Items], [], i => i == 7 ? [1, 2, 3] : whole.ReadBytes(i)));
        Assert.Throws<PictureException>(() => PixelStore.Write(items, 16, folder["strict"], new() { Strict = true }));
        PixelStore.Write(items, 16, folder["pixels"]);
        var before = TemporaryFolder.Contents(folder["pixels"]);

        File.WriteAllBytes(folder["pixels/shard-00000.safetensors"], File.ReadAllBytes(folder["pixels/shard-00000.safetensors"])[..^100]);
        var summary = PixelStore.Write(items, 16, folder["pixels"]);

        Assert.Equal(["shard-00000.safetensors"], summary.Remade);
        Assert.Equal(before, TemporaryFolder.Contents(folder["pixels"]));
        Assert.Throws<PictureException>(() => PixelStore.Write(items, 16, folder["pixels"], new() { Strict = true }));
    }
}
