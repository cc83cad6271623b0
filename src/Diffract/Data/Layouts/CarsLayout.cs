namespace Diffract.Data;

/// <summary>Stanford Cars: a folder each for training and test pictures with annotations in MATLAB files, or the later release with one of both.</summary>
/// <remarks>Krause et al. 2013. The labels of the test pictures came as a file of their own.</remarks>
static class CarsLayout
{
    public const string Needs = "cars_train_annos.mat, cars_test_annos_withlabels.mat and cars_meta.mat (beside the pictures or in devkit/), cars_train/ and cars_test/; or cars_annos.mat and car_ims/";

    const string Both = "cars_annos.mat", Train = "cars_train_annos.mat", Test = "cars_test_annos_withlabels.mat", TestWithoutLabels = "cars_test_annos.mat", Meta = "cars_meta.mat", Annotations = "annotations";

    public static bool Matches(SetFiles files) => Find(files, Both) is not null || Find(files, Train) is not null;

    public static PictureSet Read(SetFiles files)
    {
        bool one = Find(files, Train) is null || (Find(files, Both) is not null && files.Folders("").Contains("car_ims") && !files.Folders("").Contains("cars_train")); // the later release, with the devkit of the first beside it
        var classes = Open(files, one ? Both : Meta).Texts("class_names");
        var pictures = new ListedPictures(files, "cars", classes) { LabelList = one ? null : Test };
        if (one) { AddBoth(); }
        else
        {
            Add(Train, "cars_train", PictureSplit.Train, labelled: true);
            bool labelled = Find(files, Test) is not null;
            if (!labelled) { pictures.Warn($"the test pictures have no labels; {Test}, which the authors publish beside the devkit, has them"); }
            if (labelled || Find(files, TestWithoutLabels) is not null) { Add(labelled ? Test : TestWithoutLabels, "cars_test", PictureSplit.Test, labelled); }
        }
        return pictures.ToSet(ExpectedCounts.Cars, PictureSplit.Train, PictureSplit.Test);

        void Add(string list, string folder, PictureSplit split, bool labelled)
        {
            var annotations = Open(files, list);
            string[] names = annotations.Texts(Annotations, "fname");
            int[] labels = labelled ? annotations.Integers(Annotations, "class") : [];
            for (int i = 0; i < names.Length; i++) { pictures.Add($"{folder}/{names[i]}", labelled ? Label(labels[i], list, names[i]) : -1, split); }
        }

        void AddBoth()
        {
            var annotations = Open(files, Both);
            string[] names = annotations.Texts(Annotations, "relative_im_path");
            int[] labels = annotations.Integers(Annotations, "class"), test = annotations.Integers(Annotations, "test");
            for (int i = 0; i < names.Length; i++) { pictures.Add(names[i], Label(labels[i], Both, names[i]), test[i] == 0 ? PictureSplit.Train : PictureSplit.Test); }
        }

        int Label(int number, string list, string picture) => number >= 1 && number <= classes.Length ? number - 1
            : throw new PictureException($"{files.Name}/{list}: {picture} is of class {number}; there are {classes.Length} class names");
    }

    static string? Find(SetFiles files, string name) => new[] { name, "devkit/" + name }.FirstOrDefault(files.Has);

    static MatFile Open(SetFiles files, string name) => MatFile.Read(files, Find(files, name) ?? throw new PictureException($"{files.Name}: there is no {name}, neither beside the pictures nor in devkit/"));
}
