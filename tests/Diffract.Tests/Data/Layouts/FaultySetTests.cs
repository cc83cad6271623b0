using Diffract.Data;

namespace Diffract.Tests.Data;

public class FaultySetTests
{
    [Fact]
    public void Missing_pictures_and_classes_without_are_named()
    {
        using var tree = PublishedSets.Cub();
        File.Delete(Path.Combine(tree.Root, "CUB_200_2011/images/002.Laysan_Albatross/b_1.jpg"));
        File.Delete(Path.Combine(tree.Root, "CUB_200_2011/images/002.Laysan_Albatross/b_2.jpg"));
        var set = PictureSet.Open(tree.Root);
        Assert.Equal(2, set.Items.Count);
        Assert.Contains("CUB_200_2011: 2 listed pictures are missing: images/002.Laysan_Albatross/b_1.jpg, images/002.Laysan_Albatross/b_2.jpg", set.Warnings);
        Assert.Contains("CUB_200_2011: 1 classes have no pictures: 002.Laysan_Albatross", set.Warnings);

        Directory.Delete(Path.Combine(tree.Root, "CUB_200_2011/images"), recursive: true);
        Assert.Contains("none of the 4 pictures", Error(tree));
    }

    [Fact]
    public void An_empty_split_is_named()
    {
        using var tree = PublishedSets.Cub();
        tree.Text("CUB_200_2011/train_test_split.txt", "1 1", "2 1", "3 1", "4 1");
        Assert.Contains("CUB_200_2011: there are no test pictures", PictureSet.Open(tree.Root).Warnings);

        using var folders = new PictureTree("train/cat/1.jpg", "train/dog/1.jpg");
        Directory.CreateDirectory(Path.Combine(folders.Root, "test/cat"));
        Directory.CreateDirectory(Path.Combine(folders.Root, "train/emu"));
        Assert.Contains("3 folders hold no pictures: test, test/cat, train/emu", Assert.Single(PictureSet.Open(folders.Root).Warnings));
    }

    [Fact]
    public void Lists_that_do_not_fit_together_are_refused()
    {
        Refused(PublishedSets.Cub, "CUB_200_2011/train_test_split.txt", ["1 0", "2 1"], "CUB_200_2011/train_test_split.txt: there is no line for picture 3");
        Refused(PublishedSets.Cub, "CUB_200_2011/train_test_split.txt", ["1 0", "2 1", "3 2", "4 1"], "picture 3 has '2'; expected 1 (training) or 0 (test)");
        Refused(PublishedSets.Cub, "CUB_200_2011/image_class_labels.txt", ["1 1", "2 1", "3 7", "4 1"], "picture 3 is of class '7', which is not in classes.txt");
        Refused(PublishedSets.Cub, "CUB_200_2011/images.txt", ["1 a.jpg", "2"], "images.txt, line 2: '2' has one word");
        Refused(PublishedSets.Cub, "CUB_200_2011/images.txt", ["1 a.jpg", "1 b.jpg"], "line 2: '1' is listed a second time");
        Refused(PublishedSets.Cub, "CUB_200_2011/classes.txt", ["one a", "2 b"], "'one' is not a class number");
        Refused(PublishedSets.Aircraft, "fgvc/data/images_variant_test.txt", ["0056978 Concorde"], "picture 0056978 is of variant 'Concorde'");
        Refused(() => PublishedSets.ImageNet("kit"), "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", ["490", "5000"], "line 2: '5000' is no number of a synset");
        Refused(() => PublishedSets.ImageNet("csv"), "LOC_val_solution.csv", ["ImageId,PredictionString", "x"], "line 2: 'x' is not understood");
    }

    [Fact]
    public void Pictures_outside_the_set_are_not_read()
    {
        using var tree = PublishedSets.Cub();
        using var other = new PictureTree("secret.jpg");
        tree.Text("CUB_200_2011/images.txt", $"1 ../../../{Path.GetFileName(other.Root)}/secret.jpg", "2 001.Black_footed_Albatross/a_47.jpg", "3 002.Laysan_Albatross/b_1.jpg", "4 002.Laysan_Albatross/b_2.jpg");
        Assert.Contains("1 listed pictures are missing: images/../", PictureSet.Open(tree.Root).Warnings[0]);
        tree.Text("labels.txt", "path,label", $"{other.Root}/secret.jpg,a");
        Assert.Contains("leads out of the list's folder", Assert.Throws<PictureException>(() => PictureSet.Open(Path.Combine(tree.Root, "labels.txt"))).Message);
    }

    [Fact]
    public void Matlab_lists_that_are_cut_or_out_of_range_are_refused()
    {
        using var tree = PublishedSets.Flowers();
        byte[] labels = File.ReadAllBytes(Path.Combine(tree.Root, "imagelabels.mat"));
        tree.Write("imagelabels.mat", labels[..^3]);
        Assert.Contains("/imagelabels.mat: an element claims", Error(tree));
        tree.Write("imagelabels.mat", labels);
        tree.Write("setid.mat", new MatWriter().Row("trnid", 4, 7).Row("valid", 2).Row("tstid", 5).ToArray());
        Assert.Contains("/setid.mat: 'trnid' names picture 7; imagelabels.mat has labels for 1 to 6", Error(tree));
        File.Delete(Path.Combine(tree.Root, "setid.mat"));
        Assert.StartsWith("setid.mat: cannot be read", Error(tree));

        using var cars = PublishedSets.Cars();
        cars.Write("cars_test_annos_withlabels.mat", new MatWriter().Structs("annotations", ["class", "fname"], [3, "00001.jpg"]).ToArray());
        Assert.Contains("00001.jpg is of class 3; there are 2 class names", Error(cars));
        using var dogs = PublishedSets.Dogs();
        dogs.Write("lists/test_list.mat", new MatWriter().Texts("file_list", "n02085620-Chihuahua/c.jpg").Row("labels", 2).ToArray());
        Assert.Contains("has label 2, which is n02116738-African_hunting_dog elsewhere", Error(dogs));
        dogs.Write("lists/test_list.mat", new MatWriter().Texts("file_list", "n02085620-Chihuahua/c.jpg").Row("labels", 1, 1).ToArray());
        Assert.Contains("1 files have 2 labels", Error(dogs));
    }

    [Fact]
    public void A_picture_that_is_listed_twice_is_named_and_refused_where_the_lists_contradict_each_other()
    {
        using var tree = PublishedSets.Flowers();
        tree.Write("setid.mat", new MatWriter().Row("trnid", 4, 1, 4).Row("valid", 2, 3).Row("tstid", 5, 6).ToArray());
        Assert.Contains(PictureSet.Open(tree.Root).Warnings, warning => warning.EndsWith(": 1 pictures are listed twice and taken once: jpg/image_00004.jpg"));
        tree.Write("setid.mat", new MatWriter().Row("trnid", 4, 1).Row("valid", 2, 3).Row("tstid", 5, 1).ToArray());
        Assert.Contains("with another class or split the second time: jpg/image_00001.jpg", Error(tree));
        tree.Text("list.csv", "path,label,split", "jpg/image_00001.jpg,cat,train", "./jpg//image_00001.jpg,dog,train");
        Assert.Contains("with another class or split the second time: jpg/image_00001.jpg", Assert.Throws<PictureException>(() => PictureSet.Open(Path.Combine(tree.Root, "list.csv"))).Message);
    }

    [Fact]
    public void Lists_that_are_cut_off_are_refused()
    {
        Refused(PublishedSets.Cub, "CUB_200_2011/images.txt", ["1 001.Black_footed_Albatross/a_46.jpg", "2 001.Black_footed_Albatross/a_47.jpg"], "images.txt: there is no line for 2 pictures of image_class_labels.txt, such as 3");
        Refused(() => PublishedSets.ImageNet("kit"), "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", ["490", "1"], "does not name 1 of the validation pictures, such as ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000003.JPEG");
    }

    // Training pictures in the place of an official test part would give a figure of something else.
    [Fact]
    public void A_test_part_that_an_archive_lacks_is_not_made_of_training_pictures()
    {
        using var cifar = PublishedSets.Cifar();
        File.Delete(Path.Combine(cifar.Root, "cifar-10-batches-bin/test_batch.bin"));
        Assert.Contains("the test part (test_batch.bin) has no pictures", Assert.Throws<PictureException>(() => Splits.Resolve(PictureSet.Open(cifar.Root))).Message);
        using var idx = PublishedSets.Idx([1, 2], [], zipped: true);
        Assert.Contains("the test part (t10k-images-idx3-ubyte) has no pictures", Assert.Throws<PictureException>(() => Splits.Resolve(PictureSet.Open(idx.Root))).Message);
    }

    [Fact]
    public void Labels_that_leave_classes_out_and_a_guess_are_named()
    {
        using var gap = PublishedSets.Idx([1, 255], [1], zipped: false);
        Assert.Contains(PictureSet.Open(gap.Root).Warnings, warning => warning.EndsWith("labels run to 255, and 254 of the 256 classes have no pictures: 0, 2, 3 ..."));
        using var even = PublishedSets.Idx([.. Enumerable.Range(0, 10).Select(i => (byte)i)], [1], zipped: false);
        Assert.Contains(PictureSet.Open(even.Root).Warnings, warning => warning.Contains("taken for Fashion-MNIST"));
        Assert.DoesNotContain(PictureSet.Open(even.Root, new() { Layout = "mnist" }).Warnings, warning => warning.Contains("taken for"));
    }

    [Fact]
    public void The_later_release_of_Cars_is_read_though_the_devkit_of_the_first_lies_beside_it()
    {
        using var tree = PublishedSets.CarsInOne();
        using var first = PublishedSets.Cars();
        foreach (string name in new[] { "cars_meta.mat", "cars_train_annos.mat", "cars_test_annos.mat" }) { tree.Write("devkit/" + name, File.ReadAllBytes(Path.Combine(first.Root, "devkit", name))); }
        Assert.Equal(["car_ims/000001.jpg", "car_ims/000002.jpg"], PictureSet.Open(tree.Root).Items.Select(item => item.Path));
    }

    [Fact]
    public void A_class_is_chosen_by_its_whole_name_or_a_synset()
    {
        using var birds = PublishedSets.NABirds();
        Assert.Equal(["Oak Titmouse"], PictureSet.Open(birds.Root, new() { Classes = ["Oak Titmouse"] }).ClassNames);
        using var tree = new PictureTree("American/1.jpg", "n01440764/2.jpg");
        Assert.Contains("'American Robin'", Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root, new() { Classes = ["American Robin"] })).Message);
        Assert.Equal(["n01440764"], PictureSet.Open(tree.Root, new() { Classes = ["n01440764 tench"] }).ClassNames);
    }

    [Fact]
    public void Arrays_that_are_cut_are_refused()
    {
        using var cifar = PublishedSets.Cifar();
        string batch = Path.Combine(cifar.Root, "cifar-10-batches-bin/data_batch_2.bin");
        byte[] whole = File.ReadAllBytes(batch);
        File.WriteAllBytes(batch, whole[..^1]);
        Assert.Contains("data_batch_2.bin: 9218 bytes are no whole number of records of 3073", Error(cifar));
        File.WriteAllBytes(batch, [9, .. whole[1..]]);
        Assert.Contains("record 0 is of class 9; batches.meta.txt names 3", Error(cifar));
        File.Delete(batch);
        Assert.Contains("cifar-10-batches-bin: data_batch_2.bin is missing", PictureSet.Open(cifar.Root).Warnings);

        using var idx = PublishedSets.Idx([1, 2], [1], zipped: false);
        string images = Path.Combine(idx.Root, "train-images-idx3-ubyte");
        byte[] pixels = File.ReadAllBytes(images);
        File.WriteAllBytes(images, pixels[..^1]);
        Assert.Contains("27 bytes, where 2x2x3 need 28", Error(idx));
        File.WriteAllBytes(images, [.. PublishedSets.IdxHeader(int.MaxValue, int.MaxValue, 3), 1]);
        Assert.Contains("sides of 1 to 4096", Error(idx));
        File.WriteAllBytes(images, [1, 2, 3, 4, .. pixels[4..]]);
        Assert.Contains("begins with 01020304", Error(idx));
        File.WriteAllBytes(images, [.. PublishedSets.IdxHeader(1, 2, 3), .. new byte[6]]);
        Assert.Contains("has 1 pictures, train-labels-idx1-ubyte 2 labels", Error(idx));
        File.WriteAllBytes(images, pixels);
        File.Delete(Path.Combine(idx.Root, "train-labels-idx1-ubyte"));
        Assert.Contains("there is no train-labels-idx1-ubyte", Error(idx));

        using var zipped = PublishedSets.Idx([1, 2], [1], zipped: true);
        zipped.Write("train-images-idx3-ubyte.gz", "no gzip"u8.ToArray());
        Assert.Contains("/train-images-idx3-ubyte.gz: cannot be expanded", Assert.Throws<PictureException>(() => PictureSet.Open(zipped.Root, new() { CacheFolder = zipped.Root + "/cache" })).Message);
        Assert.Empty(Directory.GetFiles(zipped.Root + "/cache"));
    }

    [Fact]
    public void Lists_with_faults_name_their_line()
    {
        Fault("no columns", "its first line should name the columns");
        Fault("path,label\na.jpg", "line 2: 1 values under 2 columns");
        Fault("path,label\n\"a.jpg,b", "line 2: a quote is not closed");
        Fault("path,label,split\na.jpg,b,exam", "line 2: split 'exam'; expected train, val or test");

        static void Fault(string text, string expected)
        {
            using var tree = new PictureTree();
            tree.Text("list", text);
            Assert.Contains(expected, Assert.Throws<PictureException>(() => PictureSet.Open(Path.Combine(tree.Root, "list"))).Message);
        }
    }

    static void Refused(Func<PictureTree> make, string file, string[] lines, string expected)
    {
        using var tree = make();
        tree.Text(file, lines);
        Assert.Contains(expected, Error(tree));
    }

    static string Error(PictureTree tree) => Assert.Throws<PictureException>(() => PictureSet.Open(tree.Root)).Message;
}
