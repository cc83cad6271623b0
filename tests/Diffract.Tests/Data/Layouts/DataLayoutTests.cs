using System.Formats.Tar;
using Diffract.Data;

namespace Diffract.Tests.Data;

public class DataLayoutTests
{
    const PictureSplit Train = PictureSplit.Train, Validation = PictureSplit.Validation, Test = PictureSplit.Test;

    [Fact]
    public void Aircraft_trains_on_both_training_parts()
    {
        using var tree = PublishedSets.Aircraft();
        var set = Check(tree, "aircraft", ["A300B4", "707-320", "Boeing 717"], ("data/images/1025794.jpg", 1, Train), ("data/images/0034309.jpg", 2, Train), ("data/images/0056978.jpg", 2, Test), ("data/images/1340192.jpg", 0, Test));
        File.Delete(Path.Combine(tree.Root, "fgvc/data/images_variant_trainval.txt"));
        Assert.Equal(set.Items, PictureSet.Open(tree.Root).Items);                       // from the parts themselves
    }

    [Fact]
    public void Cars_are_read_in_both_releases()
    {
        using var first = PublishedSets.Cars();
        Check(first, "cars", ["AM General Hummer SUV 2000", "smart fortwo Convertible 2012"], ("cars_train/00001.jpg", 1, Train), ("cars_train/00002.jpg", 0, Train), ("cars_test/00001.jpg", 0, Test));
        using var later = PublishedSets.CarsInOne();
        Check(later, "cars", ["a car", "b car"], ("car_ims/000001.jpg", 1, Train), ("car_ims/000002.jpg", 0, Test));

        File.Delete(Path.Combine(first.Root, "cars_test_annos_withlabels.mat"));
        var unlabelled = PictureSet.Open(first.Root);
        Assert.Equal(new PictureItem("cars_test/00001.jpg", -1, Test), unlabelled.Items[2]);
        Assert.Contains(unlabelled.Warnings, warning => warning.Contains("cars_test_annos_withlabels.mat"));
    }

    [Fact]
    public void Birds_of_both_sets_are_told_apart()
    {
        using var cub = PublishedSets.Cub();
        Check(cub, "cub", ["001.Black_footed_Albatross", "002.Laysan_Albatross"], ("images/001.Black_footed_Albatross/a_46.jpg", 0, Test), ("images/001.Black_footed_Albatross/a_47.jpg", 0, Train),
            ("images/002.Laysan_Albatross/b_1.jpg", 1, Train), ("images/002.Laysan_Albatross/b_2.jpg", 1, Test));
        using var nabirds = PublishedSets.NABirds();                                     // the tree's inner names are no classes
        Check(nabirds, "nabirds", ["Oak Titmouse", "Gray Catbird"], ("images/0817/0001afd4.jpg", 0, Train), ("images/0860/0005cc42.jpg", 1, Train), ("images/0817/000a3e0b.jpg", 0, Test));
    }

    [Fact]
    public void Dogs_take_the_names_of_their_folders()
    {
        using var tree = PublishedSets.Dogs();
        Check(tree, "dogs", ["n02085620-Chihuahua", "n02116738-African_hunting_dog"], ("Images/n02085620-Chihuahua/a.jpg", 0, Train), ("Images/n02116738-African_hunting_dog/b.jpg", 1, Train), ("Images/n02085620-Chihuahua/c.jpg", 0, Test));
    }

    [Fact]
    public void Flowers_train_on_both_training_parts()
    {
        using var tree = PublishedSets.Flowers();
        Check(tree, "flowers", ["class 1", "class 2"], ("jpg/image_00004.jpg", 0, Train), ("jpg/image_00001.jpg", 1, Train), ("jpg/image_00002.jpg", 0, Train), ("jpg/image_00003.jpg", 1, Train), ("jpg/image_00005.jpg", 0, Test), ("jpg/image_00006.jpg", 1, Test));
        Assert.Equal(102, FlowerNames.All.Distinct().Count());
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Cifar_pixels_are_planes(bool hundred)
    {
        using var tree = PublishedSets.Cifar(hundred);
        var set = PictureSet.Open(tree.Root);
        Assert.Equal((hundred ? "cifar100" : "cifar10", hundred ? 6 : 18), (set.Layout, set.Items.Count));
        Assert.Equal(["airplane", "automobile", "bird"], set.ClassNames);
        Assert.Equal(new PictureItem(hundred ? "train/00001.ppm" : "data_batch_1/00001.ppm", 1, Train), set.Items[1]);
        Assert.Equal(new PictureItem(hundred ? "test/00002.ppm" : "test_batch/00002.ppm", 0, Test), set.Items[^1]);
        var picture = ImageDecoder.Decode(set.ReadBytes(1), "p");
        Assert.Equal((32, 32), (picture.Width, picture.Height));
        Assert.Equal([10, 60, 110, 11, 61, 111], picture.Rgb[..6]);                      // red, green, blue of the first two pixels
        Assert.Equal([41, 91, 141], picture.Rgb[^3..]);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Idx_arrays_are_read_zipped_or_not(bool zipped)
    {
        using var cache = new TemporaryFolder();
        using var tree = PublishedSets.Idx([9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], [1, 2], zipped);
        var set = Open(tree);
        Assert.Equal("mnist", set.Layout);
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], set.ClassNames);
        Assert.Equal((13, new PictureItem("train/00000.ppm", 9, Train), new PictureItem("t10k/00001.ppm", 2, Test)), (set.Items.Count, set.Items[0], set.Items[12]));
        var picture = ImageDecoder.Decode(set.ReadBytes(1), "p");
        Assert.Equal((3, 2), (picture.Width, picture.Height));
        Assert.Equal([6, 6, 6, 7, 7, 7], picture.Rgb[..6]);

        Assert.Equal("Ankle boot", Open(tree, "fashion-mnist").ClassNames[9]);
        using var even = PublishedSets.Idx([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1], zipped);
        Assert.Equal("fashion-mnist", Open(even).Layout);
        Assert.Equal("9", Open(even, "mnist").ClassNames[9]);
        Assert.Equal(zipped ? 8 : 0, Directory.GetFiles(cache.Path).Length);             // each is expanded once

        PictureSet Open(PictureTree set, string? layout = null) => PictureSet.Open(set.Root, new() { Layout = layout, CacheFolder = cache.Path });
    }

    [Theory, InlineData("csv"), InlineData("kit"), InlineData("map")]
    public void ImageNet_validation_labels_come_from_any_published_list(string list)
    {
        using var tree = PublishedSets.ImageNet(list);
        const string root = "ILSVRC/Data/CLS-LOC/";
        var set = Check(tree, "imagenet", ["n01440764", "n02119789", "n03220513"],
            (root + "train/n01440764/n01440764_7.JPEG", 0, Train), (root + "train/n01440764/n01440764_9.JPEG", 0, Train), (root + "train/n02119789/n02119789_1.JPEG", 1, Train), (root + "train/n03220513/n03220513_2.JPEG", 2, Train),
            (root + "val/ILSVRC2012_val_00000001.JPEG", 2, Validation), (root + "val/ILSVRC2012_val_00000002.JPEG", 1, Validation), (root + "val/ILSVRC2012_val_00000003.JPEG", 0, Validation));
        Assert.Empty(set.Warnings);
        Assert.StartsWith("The set has no test part: tested on the 3 pictures of its validation part", Splits.Resolve(set).Decision);
    }

    [Fact]
    public void ImageNet_without_list_says_where_labels_come_from()
    {
        using var tree = PublishedSets.ImageNet(null);
        var set = PictureSet.Open(tree.Root);
        Assert.Equal(3, set.Items.Count(item => item.Class < 0));
        Assert.Contains("LOC_val_solution.csv", Assert.Single(set.Warnings));
    }

    [Fact]
    public void ImageNet_in_class_folders_and_a_part_of_it()
    {
        using var tree = new PictureTree([.. ClassList.ImageNet50.Append("n01440764").SelectMany(synset => (string[])[$"train/{synset}/{synset}_1.JPEG", $"val/{synset}/ILSVRC2012_val_{synset}.JPEG"])]);
        var all = PictureSet.Open(tree.Root);
        Assert.Equal(("imagenet", 51, 102), (all.Layout, all.ClassNames.Count, all.Items.Count));
        Assert.Empty(all.Warnings);                                                      // no published set has 51 synsets

        var part = PictureSet.Open(tree.Root, new() { Classes = ClassList.Read("imagenet-50") });
        Assert.Equal(ClassList.ImageNet50, part.ClassNames);
        Assert.Equal((100, 50), (part.Items.Count, ClassList.ImageNet50.Distinct().Count()));
        Assert.All(part.Items, item => Assert.Contains(part.ClassNames[item.Class], item.Path));
        Assert.Contains(part.Warnings, warning => warning.EndsWith("50 training pictures, ImageNet-50 has 64,274 (the papers' tables of data sets)"));

        Assert.Contains("'n09999999'", Assert.Throws<PictureException>(() => all.OfClasses(["n01440764", "n09999999"])).Message);
        Assert.Equal(["n01440764"], all.OfClasses(["n01440764 tench, Tinca tinca"]).ClassNames);
    }

    [Fact]
    public void Lists_are_read_by_name_or_in_their_folder()
    {
        using var tree = new PictureTree("a/1.jpg", "a/2.jpg", "b, c/3.jpg");
        tree.Text("any name.txt", "\uFEFFPath,Label,Notes,split", "a/1.jpg,10,x,train", "a/2.jpg,9,\"y, \"\"z\"\"\",test", "\"b, c/3.jpg\",10,,val");
        var set = PictureSet.Open(Path.Combine(tree.Root, "any name.txt"));
        Assert.Equal("csv", set.Layout);
        Assert.Equal(["9", "10"], set.ClassNames);
        Assert.Equal([("a/1.jpg", 1, Train), ("a/2.jpg", 0, Test), ("b, c/3.jpg", 1, Validation)], set.Items.Select(item => (item.Path, item.Class, item.Split)));
        Assert.Equal(PictureTree.Jpeg, set.ReadBytes(2));

        tree.Text("labels.csv", "path,label", "a/1.jpg,cat", "a/2.jpg,");
        var folder = PictureSet.Open(tree.Root);
        Assert.Equal([("a/1.jpg", 0, PictureSplit.None), ("a/2.jpg", -1, PictureSplit.None)], folder.Items.Select(item => (item.Path, item.Class, item.Split)));
        Assert.Equal(3, PictureSet.Open(tree.Root, new() { Layout = "folders" }).Items.Count);

        foreach (var separator in (string[])[";", "\t"])
        {
            tree.Text("labels.csv", string.Join(separator, "label", "path", "split"), string.Join(separator, "dog, small", "\"b, c/3.jpg\"", "test"), string.Join(separator, "", "a/2.jpg", "train"));
            var divided = PictureSet.Open(tree.Root);
            Assert.Equal(["dog, small"], divided.ClassNames);
            Assert.Equal([("b, c/3.jpg", 0, Test), ("a/2.jpg", -1, Train)], divided.Items.Select(item => (item.Path, item.Class, item.Split)));
        }

        tree.Text("labels.csv", "id,price", "1,2");                                      // another program's
        Assert.Equal("folders", PictureSet.Open(tree.Root).Layout);
    }

    [Fact]
    public void An_archive_reads_as_its_folder()
    {
        using var place = new PictureTree();
        foreach (var make in (Func<PictureTree>[])[PublishedSets.Cub, PublishedSets.Cars, PublishedSets.Dogs, PublishedSets.Aircraft, () => PublishedSets.Cifar(), () => PublishedSets.ImageNet("kit")])
        {
            using var tree = make();
            string tar = Path.Combine(place.Root, Path.GetFileName(tree.Root));
            TarFile.CreateFromDirectory(tree.Root, tar, includeBaseDirectory: false);
            var (folder, archive) = (PictureSet.Open(tree.Root), PictureSet.Open(tar));
            Assert.NotEqual("folders", archive.Layout);
            Assert.Equal((folder.Layout, folder.Items.Count), (archive.Layout, archive.Items.Count));
            Assert.Equal(folder.Items, archive.Items);
            Assert.Equal(folder.ClassNames, archive.ClassNames);
            Assert.Equal(folder.ReadBytes(1), archive.ReadBytes(1));
        }
    }

    [Fact]
    public void Several_sets_in_one_folder_are_not_mixed()
    {
        using var tree = PublishedSets.Cub();
        tree.Write("segmentations/a/1.png", PictureTree.Jpeg);
        Assert.Contains("read as cub from CUB_200_2011/; the 1 folders beside it are left out", PictureSet.Open(tree.Root).Warnings[0]);
        foreach (string file in (string[])["imagelabels.mat", "setid.mat"]) { tree.Write("flowers/" + file, new MatWriter().Row("labels", 1).ToArray()); }
        Assert.Contains("cub in CUB_200_2011/, flowers in flowers/", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root)).Message);
        Assert.Equal(4, PictureSet.Open(tree.Root, new() { Layout = "cub" }).Items.Count);
        Assert.Contains("not laid out as dogs, which needs train_list.mat", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root, new() { Layout = "dogs" })).Message);
        Assert.Contains("known are imagenet, aircraft, cars,", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root, new() { Layout = "birds" })).Message);
        Assert.Contains("have no layout", Assert.Throws<PictureException>(() => PictureSet.Open("builtin:train=2", new() { Layout = "cub" })).Message);
    }

    [Fact]
    public void Published_counts_are_held_against_what_is_there()
    {
        using var tree = PublishedSets.Flowers();
        Assert.Equal(["2 classes with pictures, Oxford Flowers-102 has 102", "4 training pictures, Oxford Flowers-102 has 2,040", "2 test pictures, Oxford Flowers-102 has 6,149"],
            PictureSet.Open(tree.Root).Warnings.Select(warning => warning[(warning.IndexOf(':') + 2)..warning.IndexOf(" (")]));
    }

    static PictureSet Check(PictureTree tree, string layout, string[] classes, params (string Path, int Class, PictureSplit Split)[] items)
    {
        var set = PictureSet.Open(tree.Root);
        Assert.Equal(layout, set.Layout);
        Assert.Equal(classes, set.ClassNames);
        Assert.Equal(items, set.Items.Select(item => (item.Path, item.Class, item.Split)));
        Assert.All(set.Warnings, warning => Assert.Contains(" has ", warning));          // the counts of a small copy, and nothing else
        Assert.Equal(PictureTree.Jpeg, set.ReadBytes(items.Length - 1));
        return set;
    }
}
