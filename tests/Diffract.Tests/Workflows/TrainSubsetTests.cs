using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class TrainSubsetTests
{
    static LiveSource Source(TinyNet tiny, PictureSet? set = null) => new(tiny.Backbone, ExtractItems.Of(set ?? TinyNet.Pictures(200, 20)), TinyNet.Request, new());

    [Fact]
    public void A_share_is_taken_of_each_class_and_follows_from_the_seed()
    {
        using var tiny = new TinyNet();
        using var source = Source(tiny);
        var train = source.RowsOf(PictureSplit.Train);
        int[] Classes(int[] rows) => [.. Enumerable.Range(0, 10).Select(label => rows.Count(row => source.Labels[row] == label))];

        var tenth = new TrainSubset.Fraction(0.1).Of(source, train, seed: 1);
        var few = new TrainSubset.PerClass(3).Of(source, train, seed: 1);

        Assert.All(Classes(train).Zip(Classes(tenth)), c => Assert.Equal(Math.Max(1, (int)Math.Round(c.First * 0.1)), c.Second));
        Assert.All(Classes(few), count => Assert.Equal(3, count));
        Assert.All(Classes(new TrainSubset.Fraction(0.001).Of(source, train, seed: 1)), count => Assert.Equal(1, count));
        Assert.Equal(train, new TrainSubset.Fraction(1).Of(source, train, seed: 1));
        Assert.Equal(tenth, new TrainSubset.Fraction(0.1).Of(source, train, seed: 1));
        Assert.NotEqual(tenth, new TrainSubset.Fraction(0.1).Of(source, train, seed: 2));
        Assert.Subset(few.ToHashSet(), new TrainSubset.PerClass(2).Of(source, train, seed: 1).ToHashSet()); // fewer are among more
        Assert.Throws<TrainException>(() => new TrainSubset.Fraction(0).Of(source, train, seed: 1));
    }

    [Fact]
    public void A_list_names_pictures_by_file_name_and_a_wrong_name_is_one_error()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        PictureItem[] items = [.. Enumerable.Range(0, 8).Select(i => new PictureItem($"train/{"ab"[i % 2]}/{(i < 4 ? $"{"ab"[i % 2]}_" : "")}{i / 2}.png", i % 2, PictureSplit.Train)), new("test/a/9.png", 0, PictureSplit.Test)];
        using var source = Source(tiny, new PictureSet("toy", ["a", "b"], items, [], _ => []));
        int[] Rows(params string[] lines)
        {
            File.WriteAllLines(folder["list.txt"], lines);
            return TrainSubset.Listed.Read(folder["list.txt"]).Of(source, source.RowsOf(PictureSplit.Train), seed: 0);
        }

        Assert.Equal([1, 2, 4], Rows("a_1.png", "", " b_0.png", "a/2.png", "b_0.png"));
        Assert.Contains("1 of 2 names fit no training picture of toy: 9.png", Assert.Throws<TrainException>(() => Rows("a_0.png", "9.png")).Message);
        Assert.Contains("fit several training pictures; write more of their paths", Assert.Throws<TrainException>(() => Rows("3.png")).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Pictures_that_are_left_out_do_not_go_through_the_net_and_the_same_are_chosen(bool byShare)
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        TrainSubset subset = byShare ? new TrainSubset.Fraction(0.1) : new TrainSubset.PerClass(2);
        var items = ExtractItems.Of(TinyNet.Pictures(200, 20));
        using var whole = Source(tiny);

        var few = subset.Narrow(items, seed: 5);
        Extract.Run(tiny.Backbone, few, TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        var result = TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { Seed = 5, WeightDecays = [0.1] }) { Subset = new TrainSubset.Narrowed(subset) }, folder["head"]);

        int[] chosen = subset.Of(whole, whole.RowsOf(PictureSplit.Train), seed: 5);
        Assert.Equal(chosen.Select(row => whole.Files[row]), store.ReadRows().Where(row => row.Split == "train").Select(row => row.File));
        Assert.Equal((20, chosen.Length), (store.RowsOf(PictureSplit.Test).Length, result.TrainPictures));
        Assert.Equal(subset.ToString(), result.TrainedOn);
        Assert.Contains($"Of the 200 training pictures {chosen.Length} are used: {subset}.", result.Splits);
    }

    [Fact]
    public void The_same_pictures_are_held_out_whether_or_not_the_source_has_others_besides()
    {
        using var tiny = new TinyNet();
        var (subset, items) = (new TrainSubset.PerClass(10), ExtractItems.Of(TinyNet.Pictures(200, 20)));
        using var all = new LiveSource(tiny.Backbone, items, TinyNet.Request, new());
        using var few = new LiveSource(tiny.Backbone, subset.Narrow(items, seed: 5), TinyNet.Request, new());

        string[] Held(HeadSource source, int[] train) => [.. HeldOut.Of(source, train, share: 0.3, seed: 5).Held.Select(row => source.Files[row])];
        var held = Held(few, few.RowsOf(PictureSplit.Train));

        Assert.Equal(30, held.Length);
        Assert.Equal(held, Held(all, subset.Of(all, all.RowsOf(PictureSplit.Train), seed: 5)));
    }

    // Labels of a validation part would be more than the few that are learned from.
    [Fact]
    public void Who_learns_from_few_labels_chooses_among_them_though_there_is_a_validation_part()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var set = TinyNet.Pictures(200, 20);
        var items = ExtractItems.Of(set) with { Items = [.. ExtractItems.Of(set).Items.Select((item, i) => i is >= 100 and < 200 ? (item.Item, PictureSplit.Validation) : item)] };
        var subset = new TrainSubset.PerClass(4);
        using var all = new LiveSource(tiny.Backbone, items, TinyNet.Request, new());
        var (train, narrow) = (all.RowsOf(PictureSplit.Train), subset.Narrow(items, seed: 5));
        var few = subset.Of(all, train, seed: 5);

        Assert.Equal(100, HeldOut.Of(all, train, share: 0.25, seed: 5).Held.Length);
        Assert.Subset(few.ToHashSet(), HeldOut.Of(all, few, share: 0.25, seed: 5).Held.ToHashSet());
        Assert.Equal((40, 20), (narrow.Of(PictureSplit.Train).Count(), narrow.Items.Count - 40));
        Assert.Equal((0, 20), (items.Fewer(0.1, seed: 5).Of(PictureSplit.Validation).Count(), items.Fewer(0.1, seed: 5).Of(PictureSplit.Test).Count()));
    }

    [Theory]
    [InlineData("no test", "has no labelled test pictures")]
    [InlineData("no train", "has no labelled training pictures")]
    [InlineData("empty class", "1 of 3 classes have no training pictures, 0 of them are tested: 'c'")]
    [InlineData("other labels", "1 of 3 classes have no training pictures, 1 of them are tested: 'c'")]
    [InlineData("list", "classes have no training pictures among the 1 training pictures listed in list.txt")]
    public void Splits_that_cannot_serve_are_one_error(string what, string message)
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var (train, test) = (what == "no train" ? [] : (int[])[0, 1], what == "no test" ? [] : what == "other labels" ? (int[])[0, 2] : [0, 1]);
        var classes = what is "empty class" or "other labels" ? new[] { "a", "b", "c" } : ["a", "b"];
        PictureItem[] items = [.. train.Select(c => new PictureItem($"train/{classes[c]}/{c}.png", c, PictureSplit.Train)), .. test.Select(c => new PictureItem($"test/{classes[c]}/{c}.png", c, PictureSplit.Test))];
        var set = new PictureSet("toy", classes, items, [], _ => []);
        using var source = new LiveSource(tiny.Backbone, new(set, [.. items.Select((item, i) => (i, item.Split))], ""), TinyNet.Request, new());
        TrainSubset? subset = what == "list" ? new TrainSubset.Listed(["0.png"], folder["list.txt"]) : null;

        var error = Assert.Throws<TrainException>(() => TrainHead.Run(source, new(new LinearConfig(), HeadRecipes.Get("default", attention: false)) { Subset = subset }, folder["head"]));

        Assert.Contains(message, error.Message);
        Assert.False(Directory.Exists(folder["head"]));
    }
}
