namespace Diffract.Data;

/// <summary>FGVC-Aircraft 2013b: the task of 100 variants, its training and validation parts together.</summary>
/// <remarks>Maji et al. 2013. Below every picture is a banner of 20 pixels with its copyright; it is left as it is.</remarks>
static class AircraftLayout
{
    public const string Needs = "variants.txt, images_variant_trainval.txt, images_variant_test.txt and images/ (all in data/)";

    public static bool Matches(SetFiles files) => Root(files) is not null;

    public static PictureSet Read(SetFiles files)
    {
        string root = Root(files)!;
        string[] variants = [.. files.Lines(root + "variants.txt").Select(line => line.Text)];
        var index = variants.Select((name, i) => (name, i)).DistinctBy(pair => pair.name).ToDictionary(pair => pair.name, pair => pair.i);
        var pictures = new ListedPictures(files, "aircraft", variants);
        string[] training = files.Has(root + "images_variant_trainval.txt") ? ["trainval"] : ["train", "val"];
        foreach (string part in training) { AddPart(part, PictureSplit.Train); }
        AddPart("test", PictureSplit.Test);
        return pictures.ToSet(ExpectedCounts.Aircraft, PictureSplit.Train, PictureSplit.Test);

        void AddPart(string part, PictureSplit split)
        {
            string list = $"{root}images_variant_{part}.txt";
            foreach (var (picture, variant) in files.Pairs(list))
            {
                int label = index.TryGetValue(variant, out int found) ? found : throw new PictureException($"{files.Name}/{list}: picture {picture} is of variant '{variant}', which is not in {root}variants.txt");
                pictures.Add($"{root}images/{picture}.jpg", label, split);
            }
        }
    }

    static string? Root(SetFiles files) => new[] { "", "data/" }.FirstOrDefault(root => files.Has(root + "variants.txt") && files.Has(root + "images_variant_test.txt"));
}
