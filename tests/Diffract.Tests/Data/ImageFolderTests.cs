using Diffract.Data;

namespace Diffract.Tests.Data;

public class ImageFolderTests
{
    [Fact]
    public void Classes_are_parent_folders_in_ordinal_order()
    {
        using var tree = new PictureTree("dog/2.jpg", "dog/10.JPG", "Zebra/a.png", "cat/x.jpeg", "cat/deep/y.webp", "cat/notes.txt", "cat/._x.jpeg", ".cache/z.jpg");
        var set = ImageFolder.Read(tree.Root);
        Assert.Equal(["Zebra", "cat", "deep", "dog"], set.ClassNames);
        Assert.Equal(["Zebra/a.png", "cat/deep/y.webp", "cat/x.jpeg", "dog/10.JPG", "dog/2.jpg"], set.Items.Select(item => item.Path));
        Assert.Equal([0, 2, 1, 3, 3], set.Items.Select(item => item.Class));
        Assert.All(set.Items, item => Assert.Equal(PictureSplit.None, item.Split));
        Assert.Equal(PictureTree.Jpeg, set.ReadBytes(3));
        Assert.Empty(set.Warnings);
    }

    [Fact]
    public void A_pipe_is_not_waited_for()
    {
        using var tree = new PictureTree("cat/1.jpg");
        using (var made = System.Diagnostics.Process.Start("mkfifo", Path.Combine(tree.Root, "cat/2.jpg")))
        {
            made.WaitForExit();
        }
        var set = ImageFolder.Read(tree.Root);

        Assert.Equal(["cat/1.jpg", "cat/2.jpg"], set.Items.Select(item => item.Path));
        Assert.Contains("cat/2.jpg: the file is empty, or is a pipe or device", Assert.Throws<PictureException>(() => set.ReadBytes(1)).Message);
    }

    [Fact]
    public void Order_is_that_of_a_walk_through_sorted_folders()
    {
        using var tree = new PictureTree("a/x.jpg", "a-b/x.jpg", "a.b/x.jpg", "ab/x.jpg");
        Assert.Equal(["a/x.jpg", "a-b/x.jpg", "a.b/x.jpg", "ab/x.jpg"], ImageFolder.Read(tree.Root).Items.Select(item => item.Path));
    }

    [Fact]
    public void Top_folders_of_that_name_are_splits_with_one_class_map()
    {
        using var tree = new PictureTree("train/cat/1.jpg", "train/dog/1.jpg", "validation/cat/2.jpg", "test/ant/3.jpg", "test/dog/3.jpg", "other/4.jpg");
        var set = ImageFolder.Read(tree.Root);
        Assert.Equal(["ant", "cat", "dog"], set.ClassNames);
        Assert.Equal(
            [("test/ant/3.jpg", 0, PictureSplit.Test), ("test/dog/3.jpg", 2, PictureSplit.Test), ("train/cat/1.jpg", 1, PictureSplit.Train), ("train/dog/1.jpg", 2, PictureSplit.Train), ("validation/cat/2.jpg", 1, PictureSplit.Validation)],
            set.Items.Select(item => (item.Path, item.Class, item.Split)));
        Assert.Contains("1 pictures in other/", Assert.Single(set.Warnings));
    }

    [Fact]
    public void A_class_may_be_called_train()
    {
        using var tree = new PictureTree("bus/1.jpg", "train/1.jpg", "tram/1.jpg");
        var set = ImageFolder.Read(tree.Root);
        Assert.Equal(["bus", "train", "tram"], set.ClassNames);
        Assert.All(set.Items, item => Assert.Equal(PictureSplit.None, item.Split));
    }

    [Fact]
    public void Class_folders_beside_a_test_folder_are_for_training()
    {
        using var tree = new PictureTree("cat/1.jpg", "dog/1.jpg", "test/cat/2.jpg");
        Assert.Equal([PictureSplit.Train, PictureSplit.Train, PictureSplit.Test], ImageFolder.Read(tree.Root).Items.Select(item => item.Split));
    }

    [Fact]
    public void Flat_folders_have_no_labels()
    {
        using var flat = new PictureTree("1.jpg", "2.jpg");
        using var split = new PictureTree("train/1.jpg", "test/2.jpg");
        Assert.All(ImageFolder.Read(flat.Root).Items, item => Assert.Equal((-1, PictureSplit.None), (item.Class, item.Split)));
        Assert.Equal([(-1, PictureSplit.Test), (-1, PictureSplit.Train)], ImageFolder.Read(split.Root).Items.Select(item => (item.Class, item.Split)));
        Assert.Empty(ImageFolder.Read(split.Root).ClassNames);
    }

    [Fact]
    public void Links_are_followed_and_circles_end()
    {
        using var tree = new PictureTree("cat/1.jpg");
        Directory.CreateSymbolicLink(Path.Combine(tree.Root, "cat", "up"), tree.Root);
        Directory.CreateSymbolicLink(Path.Combine(tree.Root, "kitten"), Path.Combine(tree.Root, "cat"));
        Assert.Equal(["cat/1.jpg", "kitten/1.jpg"], ImageFolder.Read(tree.Root).Items.Select(item => item.Path));
    }

    [Fact]
    public void Folders_that_link_to_one_another_end_with_an_error()
    {
        string[] names = [.. Enumerable.Range(0, 9).Select(i => $"c{i}")];
        using var tree = new PictureTree([.. names.Select(name => $"{name}/1.jpg")]);
        foreach (var (name, other) in from name in names from other in names where name != other select (name, other)) { Directory.CreateSymbolicLink(Path.Combine(tree.Root, name, "to-" + other), Path.Combine(tree.Root, other)); }
        Assert.Contains("links to folders lead through one another more than 3 deep", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root)).Message);
    }

    [Theory]
    [InlineData("training/cat/1.jpg", "testing/cat/2.jpg", 1, 0, 1)]
    [InlineData("train/cat/1.jpg", "valid/cat/2.jpg", 1, 1, 0)]
    public void Other_words_for_splits_are_known(string first, string second, int train, int validation, int test)
    {
        using var tree = new PictureTree(first, second);
        var splits = PictureSet.Open(tree.Root).Items.Select(item => item.Split).ToList();
        Assert.Equal((train, validation, test), (splits.Count(split => split == PictureSplit.Train), splits.Count(split => split == PictureSplit.Validation), splits.Count(split => split == PictureSplit.Test)));
    }

    [Fact]
    public void A_class_that_lies_in_several_folders_is_named()
    {
        using var tree = new PictureTree("train/cat/batch1/1.jpg", "train/dog/batch1/2.jpg", "test/cat/3.jpg");
        Assert.Contains(PictureSet.Open(tree.Root).Warnings, warning => warning.EndsWith("1 classes lie in several folders each, such as 'batch1' in train/cat/batch1 and train/dog/batch1"));
        using var plain = new PictureTree("train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg");
        Assert.Empty(PictureSet.Open(plain.Root).Warnings);
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        using var tree = new PictureTree("cat/1.gif");
        Assert.Contains("1 of other picture formats", Assert.Throws<PictureException>(() => ImageFolder.Read(tree.Root)).Message);
        Assert.Contains("no such folder", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root + "/absent")).Message);

        tree.Write("cat/2.jpg", PictureTree.Jpeg);
        var set = ImageFolder.Read(tree.Root);
        File.Delete(Path.Combine(tree.Root, "cat/2.jpg"));
        Assert.StartsWith("cat/2.jpg: cannot be read", Assert.Throws<PictureException>(() => set.ReadBytes(0)).Message);
    }
}
