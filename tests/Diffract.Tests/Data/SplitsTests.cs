using Diffract.Data;

namespace Diffract.Tests.Data;

public class SplitsTests
{
    [Fact]
    public void Given_splits_are_used()
    {
        var splits = Splits.Resolve(Set("train/a/1", "train/b/1", "val/a/2", "test/a/3", "test/b/3"));
        Assert.Equal(["train/a/1", "train/b/1"], Paths(splits, splits.Train));
        Assert.Equal(["val/a/2"], Paths(splits, splits.Validation));
        Assert.Equal(["test/a/3", "test/b/3"], Paths(splits, splits.Test));
        Assert.Equal("Tested on the 2 pictures of the set's own test folder.", splits.Decision);
    }

    [Fact]
    public void Validation_stands_in_for_a_missing_test_folder()
    {
        var splits = Splits.Resolve(Set("train/a/1", "train/b/1", "val/a/2"));
        Assert.Equal(["val/a/2"], Paths(splits, splits.Test));
        Assert.Empty(splits.Validation);
        Assert.Contains("validation folder", splits.Decision);
        Assert.Contains("class 'b' has no test pictures", Assert.Single(splits.Warnings));
    }

    [Fact]
    public void A_balanced_part_is_set_aside_where_nothing_is_given()
    {
        string[] paths = [.. Enumerable.Range(0, 50).Select(i => $"many/{i}"), .. Enumerable.Range(0, 10).Select(i => $"some/{i}"), "two/0", "two/1", "one/0"];
        var splits = Splits.Resolve(Set(paths), seed: 3);
        var counts = Paths(splits, splits.Test).GroupBy(path => path.Split('/')[0]).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(new Dictionary<string, int> { ["many"] = 10, ["some"] = 2, ["two"] = 1 }, counts);
        Assert.Equal(paths.Order(), Paths(splits, splits.Test).Concat(Paths(splits, splits.Train)).Order());
        Assert.Equal("The set has no test folder: 13 of its 63 pictures were set aside for testing, 20 % of each class, chosen by seed 3.", splits.Decision);
        Assert.Contains("'one'", Assert.Single(splits.Warnings));
    }

    [Fact]
    public void What_is_set_aside_depends_on_seed_and_path_alone()
    {
        string[] paths = [.. Enumerable.Range(0, 100).Select(i => $"cat/{i}")];
        string[] first = Chosen(1, paths);
        Assert.Equal(first, Chosen(1, [.. paths.Reverse()]));
        Assert.InRange(first.Intersect(Chosen(2, paths)).Count(), 0, 12);                // 4 of 20 are expected by chance
        for (int added = 100; added < 110; added++) { Assert.InRange(first.Except(Chosen(1, [.. paths, $"cat/{added}"])).Count(), 0, 1); }

        static string[] Chosen(ulong seed, string[] paths)
        {
            var splits = Splits.Resolve(Set(paths), seed: seed);
            return [.. Paths(splits, splits.Test).Order()];
        }
    }

    [Fact]
    public void Test_set_from_elsewhere_replaces_the_own_and_shares_the_class_map()
    {
        var splits = Splits.Resolve(Set("train/b/1", "train/c/1", "test/b/2"), test: Set("b/7", "c/8"));
        Assert.Equal(["test/b/7", "test/c/8"], Paths(splits, splits.Test));
        Assert.Equal([("test/b/7", "b"), ("test/c/8", "c")], splits.Test.Select(i => (splits.Set.Items[i].Path, splits.Set.ClassNames[splits.Set.Items[i].Class])));
        Assert.Equal("b/7"u8.ToArray(), splits.Set.ReadBytes(splits.Test[0]));
        Assert.Contains("its own 1 test pictures are left out", splits.Warnings[0]);
    }

    [Fact]
    public void Class_that_is_tested_but_never_trained_is_an_error()
    {
        var error = Assert.Throws<PictureException>(() => Splits.Resolve(Set("train/cat/1", "test/Cat/2", "test/cat/3")));
        Assert.Contains("class 'Cat' is tested but has no training pictures", error.Message);
        Assert.Contains("'d'", Assert.Throws<PictureException>(() => Splits.Resolve(Set("train/b/1"), test: Set("d/1"))).Message);
    }

    [Fact]
    public void Sets_that_cannot_be_split_say_why()
    {
        Assert.Contains("none of its 2 pictures has a label", Assert.Throws<PictureException>(() => Splits.Resolve(Set("1", "2"))).Message);
        Assert.Contains("every class has only one", Assert.Throws<PictureException>(() => Splits.Resolve(Set("a/1", "b/1"))).Message);
        Assert.Contains("no labelled training pictures", Assert.Throws<PictureException>(() => Splits.Resolve(Set("test/a/1", "val/a/1"))).Message);
    }

    // Pictures whose bytes are their path.
    static PictureSet Set(params string[] paths)
    {
        using var tree = new PictureTree();
        foreach (string path in paths) { tree.Write(path + ".jpg", []); }
        var set = ImageFolder.Read(tree.Root);
        var items = set.Items.Select(item => item with { Path = item.Path[..^4] }).ToArray();
        return new PictureSet("set", set.ClassNames, items, set.Warnings, i => System.Text.Encoding.UTF8.GetBytes(items[i].Path));
    }

    static string[] Paths(ResolvedSplits splits, IEnumerable<int> indices) => [.. indices.Select(i => splits.Set.Items[i].Path)];
}
