using System.Globalization;

namespace Diffract.Data;

/// <summary>The synsets of ImageNet's validation pictures, from any of the lists in which they were published.</summary>
static class ImageNetLabels
{
    public const string Needs = "LOC_val_solution.csv, or ILSVRC2012_validation_ground_truth.txt with meta.mat from the development kit, or ILSVRC2015_clsloc_validation_ground_truth.txt with map_clsloc.txt";

    const string Solution = "LOC_val_solution.csv";

    static readonly string[] Folders = ["", "data/", "devkit/data/", "ILSVRC/devkit/data/", "ILSVRC2012_devkit_t12/data/"];

    static readonly (string Truth, string Meaning)[] Kits = [("ILSVRC2012_validation_ground_truth.txt", "meta.mat"), ("ILSVRC2015_clsloc_validation_ground_truth.txt", "map_clsloc.txt")];

    /// <summary>Synset by name of picture without its ending; null where there is no list.</summary>
    /// <exception cref="PictureException">A list is damaged.</exception>
    public static Dictionary<string, string>? Find(SetFiles files)
    {
        if (files.Has(Solution)) { return OfSolution(files); }
        foreach (string folder in Folders)
        {
            foreach (var (truth, meaning) in Kits.Where(kit => files.Has(folder + kit.Truth)))
            {
                if (!files.Has(folder + meaning)) { throw new PictureException($"{files.Name}/{folder}{truth}: its numbers are explained by {meaning}, which is missing beside it"); }
                return OfTruth(files, folder + truth, meaning == "meta.mat" ? OfMeta(files, folder + meaning) : OfMap(files, folder + meaning));
            }
        }
        return null;
    }

    // "ILSVRC2012_val_00048981,n03995372 85 1 499 272": the first synset, whatever boxes follow.
    static Dictionary<string, string> OfSolution(SetFiles files)
    {
        var labels = new Dictionary<string, string>();
        foreach (var (number, text) in files.Lines(Solution).Skip(1))
        {
            string[] parts = text.Split(',', ' ');
            if (parts.Length < 2 || !ImageNetLayout.IsSynset(parts[1])) { throw new PictureException($"{files.Name}/{Solution}, line {number}: '{text}' is not understood; expected NAME,SYNSET ..."); }
            labels[parts[0]] = string.Intern(parts[1]);
        }
        return labels;
    }

    // Line k is the number of the synset of picture k.
    static Dictionary<string, string> OfTruth(SetFiles files, string path, Dictionary<string, string> synsets)
    {
        var labels = new Dictionary<string, string>();
        foreach (var (number, text) in files.Lines(path))
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"ILSVRC2012_val_{number:d8}");
            labels[name] = synsets.TryGetValue(text, out var synset) ? synset : throw new PictureException($"{files.Name}/{path}, line {number}: '{text}' is no number of a synset");
        }
        return labels;
    }

    static Dictionary<string, string> OfMeta(SetFiles files, string path)
    {
        var meta = MatFile.Read(files, path);
        return meta.Integers("synsets", "ILSVRC2012_ID").Zip(meta.Texts("synsets", "WNID")).DistinctBy(pair => pair.First).ToDictionary(pair => pair.First.ToString(CultureInfo.InvariantCulture), pair => pair.Second);
    }

    // "n02119789 1 kit_fox".
    static Dictionary<string, string> OfMap(SetFiles files, string path) =>
        files.Pairs(path).DistinctBy(pair => pair.Value.Split(' ')[0]).ToDictionary(pair => pair.Value.Split(' ')[0], pair => pair.Key);
}
