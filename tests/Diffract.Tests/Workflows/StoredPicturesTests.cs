using Diffract.Data;
using Diffract.Features;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

/// <summary>A store that is asked for again, after its pictures have changed under it.</summary>
public class StoredPicturesTests
{
    static readonly ExtractOptions Small = new() { BatchSize = 8, ShardBytes = 1 };        // shards of 16 pictures

    // The built-in pictures, some with the contents of others; a null content is no picture.
    static ExtractItems Pictures(Dictionary<int, int?>? changed = null, Func<PictureItem, bool>? kept = null)
    {
        var set = TinyNet.Pictures();
        int[] items = [.. Enumerable.Range(0, set.Items.Count).Where(i => kept?.Invoke(set.Items[i]) ?? true)];
        return ExtractItems.Of(new PictureSet(set.Name, set.ClassNames, [.. items.Select(i => set.Items[i])], [],
            i => changed is null || !changed.TryGetValue(items[i], out var other) ? set.ReadBytes(items[i]) : other is { } content ? set.ReadBytes(content) : [1, 2, 3]));
    }

    static string Refused(TinyNet tiny, ExtractItems items, string store) => Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, items, TinyNet.Request, store, Small)).Message;

    [Fact]
    public void Changed_contents_under_unchanged_names_are_named_and_the_store_is_left_as_it_is()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, Pictures(), TinyNet.Request, folder["store"], Small);
        var before = TemporaryFolder.Contents(folder["store"]);
        var path = Pictures().Set.Items[7].Path;

        var one = Refused(tiny, Pictures(new() { [7] = 8 }), folder["store"]);
        var many = Refused(tiny, Pictures(new() { [0] = 1, [7] = 8, [30] = null, [50] = 51 }), folder["store"]);
        Assert.Throws<FeatureStoreException>(() => Extract.Held(tiny.Backbone, Pictures(new() { [7] = 8 }), TinyNet.Request, folder["store"]));

        Assert.Equal($"{folder["store"]} was made of other pictures: of 60 that it holds 1 has other contents now: {path}. Choose another folder, or delete this one to extract the pictures as they are now.", one);
        Assert.Contains("of 60 that it holds 4 have other contents now: ", many);
        Assert.Contains(", .... Choose", many);
        Assert.Equal(before, TemporaryFolder.Contents(folder["store"]));
        Assert.True(Extract.Run(tiny.Backbone, Pictures(), TinyNet.Request, folder["store"], Small).AlreadyThere);
        Assert.True(Extract.Run(tiny.Backbone, Pictures(new() { [7] = 8 }), TinyNet.Request, folder["store"], Small with { ComparePictures = false }).AlreadyThere); // as they were told to
    }

    [Fact]
    public void A_store_that_was_stopped_does_not_go_on_with_other_pictures()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Extract.Run(tiny.Backbone, Pictures(), TinyNet.Request, folder["store"], Small, report: p => { if (p.Done >= 30) { stop.Cancel(); } }, cancellation: stop.Token));
        var kept = 16 * Directory.GetFiles(folder["store"], "shard-*").Length;

        Assert.Contains($"of {kept} that it holds 1 has other contents now", Refused(tiny, Pictures(new() { [0] = 1 }), folder["store"]));
        Assert.Contains("60 in the store, 59 asked for: 1 gone (", Refused(tiny, Pictures(kept: item => !item.Path.EndsWith("00000059.ppm", StringComparison.Ordinal)), folder["store"]));

        var summary = Extract.Run(tiny.Backbone, Pictures(new() { [59] = 58 }), TinyNet.Request, folder["store"], Small); // not extracted yet: nothing is mixed
        Assert.Equal((false, 60), (summary.AlreadyThere, summary.Rows));
        Assert.False(File.Exists(folder["store/pictures.tsv"]));
    }

    [Fact]
    public void Pictures_that_came_went_or_moved_are_named()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        bool IsEarly(PictureItem item) => !item.Path.EndsWith("00000000.ppm", StringComparison.Ordinal);
        bool IsLate(PictureItem item) => !item.Path.EndsWith("00000059.ppm", StringComparison.Ordinal);
        Extract.Run(tiny.Backbone, Pictures(kept: IsLate), TinyNet.Request, folder["store"], Small);
        var (first, last) = (Pictures().Set.Items[0].Path, Pictures().Set.Items[59].Path);

        Assert.Contains($"59 in the store, 59 asked for: 1 new ({last}), 1 gone ({first}) (files that came or went", Refused(tiny, Pictures(kept: IsEarly), folder["store"]));
        var moved = Pictures(kept: IsLate);
        moved = moved with { Items = [.. moved.Items.Select((item, i) => i == 3 ? (item.Item, PictureSplit.Test) : item)] };
        Assert.Contains($"1 of another class or split ({moved.Set.Items[3].Path})", Refused(tiny, moved, folder["store"]));
    }

    [Fact]
    public void A_picture_that_could_not_be_read_and_now_can_is_a_change()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var path = Pictures().Set.Items[7].Path;
        Extract.Run(tiny.Backbone, Pictures(new() { [7] = null }), TinyNet.Request, folder["store"], Small);
        PixelStore.Write(Pictures(new() { [7] = null }), 16, folder["pixels"]);

        Assert.True(Extract.Run(tiny.Backbone, Pictures(new() { [7] = null }), TinyNet.Request, folder["store"], Small).AlreadyThere);
        Assert.Contains($"1 has other contents now: {path}", Refused(tiny, Pictures(), folder["store"]));
        Assert.Contains($"1 has other contents now: {path}", Assert.Throws<FeatureStoreException>(() => PixelStore.Write(Pictures(), 16, folder["pixels"])).Message);
    }
}
