using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Diffract.Tests.Data;

/// <summary>Small copies of published data sets, file for file as their authors lay them out.</summary>
static class PublishedSets
{
    public static PictureTree Text(this PictureTree tree, string path, params string[] lines)
    {
        tree.Write(path, Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
        return tree;
    }

    public static PictureTree Aircraft() => new PictureTree("fgvc/data/images/0034309.jpg", "fgvc/data/images/1025794.jpg", "fgvc/data/images/0056978.jpg", "fgvc/data/images/1340192.jpg")
        .Text("fgvc/data/variants.txt", "A300B4", "707-320", "Boeing 717")
        .Text("fgvc/data/images_variant_train.txt", "1025794 707-320").Text("fgvc/data/images_variant_val.txt", "0034309 Boeing 717")
        .Text("fgvc/data/images_variant_trainval.txt", "1025794 707-320", "0034309 Boeing 717").Text("fgvc/data/images_variant_test.txt", "0056978 Boeing 717", "1340192 A300B4");

    public static PictureTree Cars()
    {
        var tree = new PictureTree("cars_train/00001.jpg", "cars_train/00002.jpg", "cars_test/00001.jpg");
        tree.Write("devkit/cars_meta.mat", new MatWriter(compressed: true).Texts("class_names", "AM General Hummer SUV 2000", "smart fortwo Convertible 2012").ToArray());
        string[] boxes = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"];
        tree.Write("devkit/cars_train_annos.mat", new MatWriter(compressed: true).Structs("annotations", [.. boxes, "class", "fname"], [1, 2, 300, 400, 2, "00001.jpg"], [1, 2, 3, 4, 1, "00002.jpg"]).ToArray());
        tree.Write("devkit/cars_test_annos.mat", new MatWriter().Structs("annotations", [.. boxes, "fname"], [1, 2, 3, 4, "00001.jpg"]).ToArray());
        tree.Write("cars_test_annos_withlabels.mat", new MatWriter().Structs("annotations", [.. boxes, "class", "fname"], [1, 2, 3, 4, 1, "00001.jpg"]).ToArray());
        return tree;
    }

    public static PictureTree CarsInOne()
    {
        var tree = new PictureTree("car_ims/000001.jpg", "car_ims/000002.jpg");
        tree.Write("cars_annos.mat", new MatWriter(compressed: true).Texts("class_names", "a car", "b car")
            .Structs("annotations", ["relative_im_path", "class", "test"], ["car_ims/000001.jpg", 2, 0], ["car_ims/000002.jpg", 1, 1]).ToArray());
        return tree;
    }

    public static PictureTree Cub() => new PictureTree("CUB_200_2011/images/001.Black_footed_Albatross/a_46.jpg", "CUB_200_2011/images/001.Black_footed_Albatross/a_47.jpg", "CUB_200_2011/images/002.Laysan_Albatross/b_1.jpg", "CUB_200_2011/images/002.Laysan_Albatross/b_2.jpg")
        .Text("attributes.txt", "1 has_bill_shape::curved")
        .Text("CUB_200_2011/images.txt", "1 001.Black_footed_Albatross/a_46.jpg", "2 001.Black_footed_Albatross/a_47.jpg", "3 002.Laysan_Albatross/b_1.jpg", "4 002.Laysan_Albatross/b_2.jpg")
        .Text("CUB_200_2011/image_class_labels.txt", "1 1", "2 1", "3 2", "4 2").Text("CUB_200_2011/train_test_split.txt", "1 0", "2 1", "3 1", "4 0")
        .Text("CUB_200_2011/classes.txt", "1 001.Black_footed_Albatross", "2 002.Laysan_Albatross");

    public static PictureTree NABirds() => new PictureTree("images/0817/0001afd4.jpg", "images/0860/0005cc42.jpg", "images/0817/000a3e0b.jpg")
        .Text("classes.txt", "0 Birds", "1 Ducks, Geese, and Swans", "817 Oak Titmouse", "860 Gray Catbird", "22 Gray Catbird").Text("hierarchy.txt", "1 0", "817 1", "860 22", "22 1")
        .Text("images.txt", "0001afd4-99a1 0817/0001afd4.jpg", "0005cc42-aaaa 0860/0005cc42.jpg", "000a3e0b-bbbb 0817/000a3e0b.jpg")
        .Text("image_class_labels.txt", "0001afd4-99a1 817", "0005cc42-aaaa 860", "000a3e0b-bbbb 817").Text("train_test_split.txt", "0001afd4-99a1 1", "0005cc42-aaaa 1", "000a3e0b-bbbb 0");

    public static PictureTree Dogs()
    {
        string[] train = ["n02085620-Chihuahua/a.jpg", "n02116738-African_hunting_dog/b.jpg"], test = ["n02085620-Chihuahua/c.jpg"];
        var tree = new PictureTree([.. train.Concat(test).Select(path => "Images/" + path)]);
        tree.Write("lists/train_list.mat", new MatWriter(compressed: true).Texts("file_list", train).Texts("annotation_list", train).Numbers("labels", [2, 1], 1, 2).ToArray());
        tree.Write("lists/test_list.mat", new MatWriter(compressed: true).Texts("file_list", test).Texts("annotation_list", test).Numbers("labels", [1, 1], 1).ToArray());
        return tree;
    }

    public static PictureTree Flowers()
    {
        var tree = new PictureTree([.. Enumerable.Range(1, 6).Select(i => $"jpg/image_{i:d5}.jpg")]);
        tree.Write("imagelabels.mat", new MatWriter(compressed: true).Row("labels", 2, 1, 2, 1, 1, 2).ToArray());
        tree.Write("setid.mat", new MatWriter(compressed: true).Row("trnid", 4, 1).Row("valid", 2, 3).Row("tstid", 5, 6).ToArray());
        return tree;
    }

    /// <summary>Pixels count up from the number of the record.</summary>
    public static PictureTree Cifar(bool hundred = false)
    {
        var tree = new PictureTree().Text(hundred ? "cifar-100-binary/fine_label_names.txt" : "cifar-10-batches-bin/batches.meta.txt", "airplane", "automobile", "bird", "");
        string[] files = hundred ? ["train.bin", "test.bin"] : ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];
        foreach (string file in files)
        {
            tree.Write($"{(hundred ? "cifar-100-binary" : "cifar-10-batches-bin")}/{file}", [.. Enumerable.Range(0, 3).SelectMany(record => Record((byte)(2 - record), (byte)(10 * record)))]);
        }
        return tree;

        byte[] Record(byte label, byte first) => [.. hundred ? new byte[] { 19, label } : [label], .. Enumerable.Range(0, 3072).Select(i => (byte)(first + i / 1024 * 50 + i % 32))];
    }

    /// <summary>2 x 3 pixels; label i is of picture i.</summary>
    public static PictureTree Idx(byte[] trainLabels, byte[] testLabels, bool zipped)
    {
        var tree = new PictureTree();
        foreach (var (part, labels) in new[] { ("train", trainLabels), ("t10k", testLabels) })
        {
            Write($"{part}-images-idx3-ubyte", [.. IdxHeader(labels.Length, 2, 3), .. Enumerable.Range(0, 6 * labels.Length).Select(i => (byte)i)]);
            Write($"{part}-labels-idx1-ubyte", [.. IdxHeader(labels.Length), .. labels]);
        }
        return tree;

        void Write(string path, byte[] bytes)
        {
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) { gzip.Write(bytes); }
            tree.Write(zipped ? path + ".gz" : path, zipped ? packed.ToArray() : bytes);
        }
    }

    public static byte[] IdxHeader(params int[] sizes)
    {
        var header = new byte[4 + 4 * sizes.Length];
        header[2] = 8;
        header[3] = (byte)sizes.Length;
        for (int i = 0; i < sizes.Length; i++) { BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + 4 * i), sizes[i]); }
        return header;
    }

    /// <summary>Three synsets; the validation pictures lie in one folder, labels come by <paramref name="list"/>.</summary>
    public static PictureTree ImageNet(string? list)
    {
        const string root = "ILSVRC/Data/CLS-LOC/";
        var tree = new PictureTree(root + "train/n02119789/n02119789_1.JPEG", root + "train/n01440764/n01440764_7.JPEG", root + "train/n01440764/n01440764_9.JPEG", root + "train/n03220513/n03220513_2.JPEG",
            root + "val/ILSVRC2012_val_00000001.JPEG", root + "val/ILSVRC2012_val_00000002.JPEG", root + "val/ILSVRC2012_val_00000003.JPEG", root + "test/ILSVRC2012_test_00000001.JPEG");
        tree.Text("ILSVRC/Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml", "<annotation/>");
        switch (list)
        {
            case "csv":
                tree.Text("LOC_val_solution.csv", "ImageId,PredictionString", "ILSVRC2012_val_00000003,n01440764 85 1 499 272 n01440764 1 2 3 4 ", "ILSVRC2012_val_00000001,n03220513 1 2 3 4", "ILSVRC2012_val_00000002,n02119789 1 2 3 4");
                break;
            case "kit":
                tree.Text("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", "490", "1", "449");
                tree.Write("ILSVRC2012_devkit_t12/data/meta.mat", new MatWriter(compressed: true).Structs("synsets", ["ILSVRC2012_ID", "WNID", "words"],
                    [1, "n02119789", "kit fox, Vulpes macrotis"], [449, "n01440764", "tench"], [490, "n03220513", "dome"], [1001, "n00001740", "entity"]).ToArray());
                break;
            case "map":
                tree.Text("ILSVRC/devkit/data/ILSVRC2015_clsloc_validation_ground_truth.txt", "3", "1", "2").Text("ILSVRC/devkit/data/map_clsloc.txt", "n02119789 1 kit_fox", "n01440764 2 tench", "n03220513 3 dome");
                break;
        }
        return tree;
    }
}
