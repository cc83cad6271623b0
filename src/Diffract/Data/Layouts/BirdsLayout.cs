using System.Globalization;

namespace Diffract.Data;

/// <summary>CUB-200-2011 and NABirds, which have the same lists: a number or name for each picture, then its path, class and split under that.</summary>
/// <remarks>Wah et al. 2011; Van Horn et al. 2015.</remarks>
static class BirdsLayout
{
    public const string Needs = "images.txt, image_class_labels.txt, train_test_split.txt, classes.txt, images/";

    const string Paths = "images.txt", Labels = "image_class_labels.txt", Parts = "train_test_split.txt", Classes = "classes.txt";

    public static bool Matches(SetFiles files, bool hierarchy) => files.Has(Paths) && files.Has(Parts) && files.Has("hierarchy.txt") == hierarchy;

    public static PictureSet ReadCub(SetFiles files) => Read(files, "cub", ExpectedCounts.Cub, onlyUsed: false);

    // Its classes.txt lists the whole tree of birds; pictures belong to the finest kinds alone.
    public static PictureSet ReadNABirds(SetFiles files) => Read(files, "nabirds", ExpectedCounts.NABirds, onlyUsed: true);

    static PictureSet Read(SetFiles files, string layout, ExpectedCounts expected, bool onlyUsed)
    {
        var (labels, parts, classes) = (files.Pairs(Labels), files.Pairs(Parts), files.Pairs(Classes));
        var used = labels.Values.ToHashSet();
        string[] numbers = [.. classes.Keys.Where(number => !onlyUsed || used.Contains(number)).OrderBy(Number)];
        var index = numbers.Select((number, i) => (number, i)).ToDictionary(pair => pair.number, pair => pair.i);
        var pictures = new ListedPictures(files, layout, [.. numbers.Select(number => classes[number])]);
        var paths = files.Pairs(Paths);
        foreach (var (list, others) in new[] { (Labels, labels), (Parts, parts) })
        {
            string[] unknown = [.. others.Keys.Where(key => !paths.ContainsKey(key))];
            if (unknown.Length > 0) { throw new PictureException($"{files.Name}/{Paths}: there is no line for {unknown.Length} pictures of {list}, such as {unknown[0]}; the list is cut off or of another version"); }
        }
        foreach (var (key, path) in paths)
        {
            string number = Of(labels, Labels, key, path), part = Of(parts, Parts, key, path);
            int label = index.TryGetValue(number, out int found) ? found : throw new PictureException($"{files.Name}/{Labels}: picture {key} is of class '{number}', which is not in {Classes}");
            var split = part switch { "1" => PictureSplit.Train, "0" => PictureSplit.Test, _ => throw new PictureException($"{files.Name}/{Parts}: picture {key} has '{part}'; expected 1 (training) or 0 (test)") };
            pictures.Add("images/" + path, label, split);
        }
        return pictures.ToSet(expected, PictureSplit.Train, PictureSplit.Test);

        string Of(Dictionary<string, string> list, string file, string key, string path) => list.TryGetValue(key, out var value) ? value
            : throw new PictureException($"{files.Name}/{file}: there is no line for picture {key} ({path}); the list is cut off or of another version");

        int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : throw new PictureException($"{files.Name}/{Classes}: '{text}' is not a class number; expected lines such as '1 NAME'");
    }
}
