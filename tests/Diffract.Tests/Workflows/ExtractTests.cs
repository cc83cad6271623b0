using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class ExtractTests
{
    static readonly ExtractOptions Small = new() { BatchSize = 8 };

    [Fact]
    public void A_store_holds_what_was_asked_for_and_says_how_it_was_made()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();

        var summary = Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures()), TinyNet.Request, folder["store"], Small);

        using var scope = new TensorScope();
        using var store = FeatureStore.Open(folder["store"]);
        Assert.Equal(60, summary.Rows);
        Assert.Equal(60, store.Rows);
        Assert.Equal(20, store.RowsOf(PictureSplit.Test).Length);
        Assert.Equal([64, 1, 1], store.Shape(new(50, 4, 1)));
        var rows = store.ReadRows().ToList();
        Assert.Equal(store.Labels, rows.Select(row => (long)store.Manifest.ClassNames.ToList().IndexOf(row.Class!)));
        Assert.Equal(new string('a', 64), (string?)store.Manifest.How["model"]!["sha256"]);
        var both = store.Gather(new FeatureName(200, 5, 4), [7, 3]);
        Assert.Equal(both.Select(0, 1).ToArray<float>(), store.Gather(new FeatureName(200, 5, 4), [3]).ToArray<float>());
    }

    [Fact]
    public void A_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        var shards = Small with { ShardBytes = 1 };                                        // 16 pictures each
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["whole"], shards);

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["parts"], shards, report: p => { if (p.Done >= 30) { stop.Cancel(); } }, cancellation: stop.Token));
        Assert.Throws<FeatureStoreException>(() => FeatureStore.Open(folder["parts"]));
        var done = Directory.GetFiles(folder["parts"], "shard-*").Length;
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["parts"], Small with { BatchSize = 5 });

        Assert.InRange(done, 1, Directory.GetFiles(folder["whole"], "shard-*").Length - 1);
        Assert.Equal(TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
    }

    [Fact]
    public void What_the_store_holds_is_not_done_again_and_nothing_else_is_mixed_in()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], Small);
        var before = TemporaryFolder.Contents(folder["store"]);

        Assert.True(Extract.Run(tiny.Backbone, items, TinyNet.Request with { T = [200], Pools = [4] }, folder["store"], Small).AlreadyThere);
        var seed = Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, items, TinyNet.Request with { Seed = 9 }, folder["store"], Small));
        var model = Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone with { Sha256 = new string('b', 64) }, items, TinyNet.Request, folder["store"], Small));
        var data = Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(), limit: 5), TinyNet.Request, folder["store"], Small));

        Assert.Contains("features.seed: 0 in the store, 9 asked for", seed.Message);
        Assert.Contains("model.sha256", model.Message);
        Assert.Contains("data: another list of pictures", data.Message);
        Assert.Equal(before, TemporaryFolder.Contents(folder["store"]));
    }

    [Fact]
    public void Broken_pictures_are_left_out_named_and_counted()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        foreach (var name in (string[])["cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder["data/" + name])!);
            File.WriteAllBytes(folder["data/" + name], PictureEncoder.Png(new Picture(20, 18)));
        }
        File.WriteAllText(folder["data/dog/4.jpg"], "not a picture");
        var items = ExtractItems.Of(PictureSet.Open(folder["data"]));

        var summary = Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], Small);
        Assert.Throws<PictureException>(() => Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["strict"], Small with { Strict = true }));

        Assert.Equal(6, summary.Rows);
        Assert.Equal("dog/4.jpg", Assert.Single(summary.Manifest.Failures).Path);
        Assert.Contains("set aside for testing", summary.Manifest.Splits);
        using var store = FeatureStore.Open(folder["store"]);
        Assert.Equal(6, store.Rows);
    }

    [Fact]
    public void A_damaged_store_is_refused_with_one_error()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures()), TinyNet.Request, folder["store"], Small);
        var (manifest, shard) = (Path.Combine(folder["store"], "manifest.json"), Path.Combine(folder["store"], "shard-00000.safetensors"));
        var (text, bytes) = (File.ReadAllText(manifest), File.ReadAllBytes(shard));

        foreach (var damaged in (string[])["", "{", "[]", text[..(text.Length / 2)], text.Replace("\"pools\"", "\"pool\""), text.Replace("diffract features 1", "other")])
        {
            File.WriteAllText(manifest, damaged);
            Assert.Throws<FeatureStoreException>(() => FeatureStore.Open(folder["store"]));
        }
        File.WriteAllText(manifest, text);
        File.WriteAllBytes(shard, bytes[..^100]);
        Assert.Throws<CheckpointException>(() => FeatureStore.Open(folder["store"]));
        File.Delete(shard);
        Assert.Throws<CheckpointException>(() => FeatureStore.Open(folder["store"]));
    }

    [Fact]
    public void Missing_and_damaged_shards_of_a_finished_store_are_made_again()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        var shards = Small with { ShardBytes = 1 };
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], shards);
        var before = TemporaryFolder.Contents(folder["store"]);
        var less = TinyNet.Request with { T = [50], Pools = [4] };

        File.Delete(folder["store/shard-00001.safetensors"]);
        File.WriteAllBytes(folder["store/shard-00003.safetensors"], File.ReadAllBytes(folder["store/shard-00003.safetensors"])[..^100]);
        Assert.Null(Extract.Held(tiny.Backbone, items, less, folder["store"]));
        var summary = Extract.Run(tiny.Backbone, items, less, folder["store"], shards);

        Assert.False(summary.AlreadyThere);
        Assert.Equal(["shard-00001.safetensors", "shard-00003.safetensors"], summary.Remade);
        Assert.Equal(before, TemporaryFolder.Contents(folder["store"]));
        Assert.True(Extract.Held(tiny.Backbone, items, less, folder["store"])!.AlreadyThere);
    }

    [Fact]
    public void A_shard_has_no_more_pictures_than_a_stop_may_cost()
    {
        using var tiny = new TinyNet();
        var options = Small with { ShardWork = 1 };
        Assert.Equal(64, options.ShardPictures(TinyNet.Request, tiny.Net.Layout));
        Assert.Equal(128, (options with { BatchSize = 128 }).ShardPictures(TinyNet.Request, tiny.Net.Layout));
        Assert.Equal(3840, Small.ShardPictures(TinyNet.Request, tiny.Net.Layout));           // 64 MiB of features
        Assert.Equal(64, new ExtractOptions().ShardPictures(new() { T = [90], Blocks = [24], Height = 256, Width = 256 }, new(new())));
    }

    [Fact]
    public void Strict_refuses_a_finished_store_that_lacks_pictures()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var whole = TinyNet.Pictures();
        var items = ExtractItems.Of(new PictureSet(whole.Name, whole.ClassNames, [.. whole.Items], [], i => i == 7 ? [1, 2, 3] : whole.ReadBytes(i)));
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], Small);

        var error = Assert.Throws<PictureException>(() => Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], Small with { Strict = true }));

        Assert.Contains(whole.Items[7].Path, error.Message);
    }

    [Fact]
    public void A_finished_store_of_another_version_serves()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"], Small);
        using var store = FeatureStore.Open(folder["store"]);
        var how = store.Manifest.How.DeepClone().AsObject();
        (how["program"], how["libtorch"]) = ("diffract 9.9.9", "9.9.9");

        Assert.NotNull(StoreMatch.Find(folder["store"], items, how));
        how["preprocessing"] = "another";
        Assert.Contains("preprocessing", Assert.Throws<FeatureStoreException>(() => StoreMatch.Find(folder["store"], items, how)).Message);
    }

    [Fact]
    public void A_refusal_names_only_what_the_store_lacks()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request with { Flip = true, Draws = 2 }, folder["store"], Small);
        string Refused(FeatureRequest request, ExtractItems asked) => Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, asked, request, folder["store"], Small)).Message;

        Assert.Equal($"{folder["store"]} holds other features: features.blocks: 3 asked for, the store holds 4, 5. Choose another folder, or delete this one.",
            Refused(TinyNet.Request with { T = [200], Blocks = [3], Pools = [4] }, items));
        var list = Refused(TinyNet.Request, ExtractItems.Of(TinyNet.Pictures(), limit: 5));
        Assert.Contains("another list of pictures, 60 in the store, 10 asked for", list);
        Assert.DoesNotContain("Sha256", list);
        Assert.True(Extract.Run(tiny.Backbone with { Name = "renamed.safetensors" }, items, TinyNet.Request, folder["store"], Small).AlreadyThere);
    }

    [Fact]
    public void Numbers_out_of_range_are_refused_before_anything_is_written()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var set = TinyNet.Pictures();
        Assert.Contains("limit -3", Assert.Throws<ArgumentException>(() => ExtractItems.Of(set, limit: -3)).Message);
        Assert.Contains("limit 0", Assert.Throws<ArgumentException>(() => ExtractItems.Of(set, limit: 0)).Message);
        Assert.Contains("batch 0", Assert.Throws<ArgumentException>(() => Extract.Run(tiny.Backbone, ExtractItems.Of(set), TinyNet.Request, folder["store"], new() { BatchSize = 0 })).Message);
        Assert.Contains("workers 0", Assert.Throws<ArgumentException>(() => Extract.Run(tiny.Backbone, ExtractItems.Of(set), TinyNet.Request, folder["store"], new() { Workers = 0 })).Message);
        Assert.False(Directory.Exists(folder["store"]));
    }
}
