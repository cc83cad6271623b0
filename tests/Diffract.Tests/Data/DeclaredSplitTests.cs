using Diffract.Data;

namespace Diffract.Tests.Data;

public class DeclaredSplitTests
{
    static readonly string[] Training = [.. from name in (string[])["cat", "dog"] from i in Enumerable.Range(0, 6) select $"train/{name}/{i}.jpg"];

    [Theory]
    [InlineData("test/cat", "the folder test/ has no pictures.")]
    [InlineData("Test", "the folder Test/ has no pictures.")]
    [InlineData("val/cat", "the folder val/ has no pictures.")]
    public void Empty_folder_of_a_split_is_not_replaced_by_training_pictures(string folder, string says)
    {
        using var tree = new PictureTree(Training);
        Directory.CreateDirectory(Path.Combine(tree.Root, folder));

        var error = Error(tree);

        Assert.Contains(says, error);
        Assert.Contains("Put its pictures there, in one folder a class, or remove the folder to have a part of the training pictures set aside.", error);
        Directory.Delete(Path.Combine(tree.Root, folder.Split('/')[0]), recursive: true);
        Assert.StartsWith("The set has no test folder: 2 of its 12 pictures were set aside", Splits.Resolve(PictureSet.Open(tree.Root)).Decision);
    }

    [Theory]
    [InlineData("val", "the folder val/ has no pictures.")]
    [InlineData("val/cat", "the folder val/ has no pictures.")]
    [InlineData("val/1.jpg", "the folder val/ has 1 pictures without label and none with.")]
    public void Empty_validation_folder_beside_test_pictures_is_a_warning(string what, string says)
    {
        using var tree = new PictureTree([.. Training, "test/cat/7.jpg", "test/dog/7.jpg"]);
        if (what.EndsWith(".jpg", StringComparison.Ordinal)) { tree.Write(what, PictureTree.Jpeg); }
        else { Directory.CreateDirectory(Path.Combine(tree.Root, what)); }

        var splits = Splits.Resolve(PictureSet.Open(tree.Root));

        Assert.Equal((12, 0, 2), (splits.Train.Count, splits.Validation.Count, splits.Test.Count));
        Assert.Contains(splits.Warnings, warning => warning.EndsWith($"{says} What it would have decided is decided on held-out training pictures.", StringComparison.Ordinal));
        foreach (var file in Directory.GetFiles(Path.Combine(tree.Root, "test"), "*.jpg", SearchOption.AllDirectories)) { File.Delete(file); }
        Assert.Contains("the folder", Error(tree));
    }

    [Theory]
    [InlineData("test/1.jpg")]
    [InlineData("test/1.jpg", "extra/2.jpg")]
    [InlineData("data/train/cat/1.jpg", "data/train/dog/1.jpg", "data/test/1.jpg")]
    public void Pictures_right_in_the_folder_of_a_split_have_no_label(params string[] paths)
    {
        using var tree = new PictureTree(paths.Any(path => path.StartsWith("data/", StringComparison.Ordinal)) ? paths : [.. Training, .. paths]);
        Assert.Contains("test/ has ", Error(tree));
    }

    [Fact]
    public void Classes_beside_an_empty_test_folder_and_a_class_of_that_name_are_told_apart()
    {
        using var tree = new PictureTree("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg");
        Directory.CreateDirectory(Path.Combine(tree.Root, "test"));
        Assert.Contains("the folder test/ has no pictures", Error(tree));
        tree.Write("test/1.jpg", PictureTree.Jpeg);
        Assert.Equal(["cat", "dog", "test"], Splits.Resolve(PictureSet.Open(tree.Root)).Set.ClassNames);
    }

    [Fact]
    public void Empty_training_folder_is_named()
    {
        using var tree = new PictureTree("test/cat/1.jpg", "test/dog/1.jpg");
        Directory.CreateDirectory(Path.Combine(tree.Root, "train/cat"));
        Assert.Contains("the folder train/ has no pictures. Put its pictures there", Error(tree));
    }

    [Fact]
    public void ImageNet_validation_pictures_without_labels_name_the_lists_that_are_looked_for()
    {
        using var tree = PublishedSets.ImageNet(null);
        var error = Error(tree);
        Assert.Contains("the folder ILSVRC/Data/CLS-LOC/val/ has 3 pictures without label and none with.", error);
        Assert.Contains("LOC_val_solution.csv, or ILSVRC2012_validation_ground_truth.txt with meta.mat", error);

        using var test = new PictureTree("n01440764/a.jpg", "n02119789/b.jpg", "n03220513/c.jpg");
        Assert.Equal(3, Splits.Resolve(PictureSet.Open(tree.Root), PictureSet.Open(test.Root)).Test.Count); // the unlabelled are not needed
        Directory.Delete(Path.Combine(tree.Root, "ILSVRC/Data/CLS-LOC/val"), recursive: true);
        Assert.Contains("set aside", Splits.Resolve(PictureSet.Open(tree.Root)).Decision);
    }

    [Fact]
    public void Listed_test_pictures_that_are_not_unpacked_are_not_replaced()
    {
        using var csv = new PictureTree(Training);
        csv.Text("labels.csv", ["path,label,split", .. Training.Select(path => $"{path},{path.Split('/')[1]},train"), "test/7.jpg,cat,test", "test/8.jpg,dog,test"]);
        Assert.Contains("the test part, of which the lists name 2, has no pictures. The first that is missing is test/7.jpg. Unpack the pictures beside the lists, or give other test pictures (--test DIR).", Error(csv));
        csv.Text("labels.csv", ["path,label,split", .. Training[..6].Select(path => $"{path},{path.Split('/')[1]},train"), .. Training[6..].Select(path => $"{path},,test")]);
        Assert.Contains("has 6 pictures without label and none with. Write their labels into the list", Error(csv));

        using var cub = PublishedSets.Cub();
        File.Delete(Path.Combine(cub.Root, "CUB_200_2011/images/001.Black_footed_Albatross/a_46.jpg"));
        Assert.Contains("has no training pictures", Error(cub, "CUB_200_2011/images/002.Laysan_Albatross/b_1.jpg"));
        Assert.Contains("the test part, of which the lists name 2, has no pictures. The first that is missing is images/001.Black_footed_Albatross/a_46.jpg", Error(cub, "CUB_200_2011/images/002.Laysan_Albatross/b_2.jpg"));

        using var cars = PublishedSets.Cars();
        Assert.Contains("the test part, of which the lists name 1, has 1 pictures without label and none with. Put cars_test_annos_withlabels.mat, the list of their labels, beside the others", Error(cars, "cars_test_annos_withlabels.mat"));
        Assert.Contains("the test part, of which the lists name 1, has no pictures. The first that is missing is cars_test/00001.jpg", Error(cars, "cars_test/00001.jpg"));
    }

    [Fact]
    public void Test_set_without_labels_is_not_replaced()
    {
        using var tree = new PictureTree(Training);
        using var test = new PictureTree("1.jpg", "2.jpg");
        var error = Assert.Throws<PictureException>(() => Splits.Resolve(PictureSet.Open(tree.Root), PictureSet.Open(test.Root))).Message;
        Assert.Contains("given as the test set, has 2 pictures without label and none with. Put its pictures into one folder a class.", error);
    }

    [Fact]
    public void Empty_class_folder_is_an_error_where_it_is_tested_and_a_note_where_it_is_empty_everywhere()
    {
        using var tree = new PictureTree([.. Training, "test/cat/7.jpg", "test/dog/7.jpg"]);
        Directory.CreateDirectory(Path.Combine(tree.Root, "train/emu"));
        Directory.CreateDirectory(Path.Combine(tree.Root, "test/emu"));
        var splits = Splits.Resolve(PictureSet.Open(tree.Root));
        Assert.Equal(["cat", "dog"], splits.Set.ClassNames);
        Assert.Contains("2 folders hold no pictures: test/emu, train/emu", Assert.Single(splits.Set.Warnings));

        tree.Write("test/emu/7.jpg", PictureTree.Jpeg);
        Assert.Contains("class 'emu' is tested but has no training pictures. Class folders must have the same names in every split; rename, fill or remove it.", Error(tree));
    }

    [Fact]
    public void What_is_declared_outlives_a_choice_of_classes()
    {
        using var tree = new PictureTree(Training);
        Directory.CreateDirectory(Path.Combine(tree.Root, "test/cat"));
        Assert.Contains("the folder test/ has no pictures", Assert.Throws<PictureException>(() => Splits.Resolve(PictureSet.Open(tree.Root).OfClasses(["dog", "cat"]))).Message);
    }

    // Of the set without a file that goes first; it is put back.
    static string Error(PictureTree tree, string? without = null)
    {
        var file = without is null ? null : Path.Combine(tree.Root, without);
        var bytes = file is null ? [] : File.ReadAllBytes(file);
        if (file is not null) { File.Delete(file); }
        var error = Assert.Throws<PictureException>(() => Splits.Resolve(PictureSet.Open(tree.Root))).Message;
        if (file is not null) { File.WriteAllBytes(file, bytes); }
        return error;
    }
}
