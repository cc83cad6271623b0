namespace Diffract.Data;

/// <summary>Oxford Flowers-102: numbered pictures, their labels and their splits in two MATLAB files; training and validation parts together.</summary>
/// <remarks>Nilsback and Zisserman 2008.</remarks>
static class FlowersLayout
{
    public const string Needs = "imagelabels.mat, setid.mat and jpg/";

    const string Labels = "imagelabels.mat", Parts = "setid.mat";

    public static bool Matches(SetFiles files) => files.Has(Labels) || files.Has(Parts);

    public static PictureSet Read(SetFiles files)
    {
        int[] labels = MatFile.Read(files, Labels).Integers("labels");
        int classes = labels.Length > 0 ? labels.Max() : 0;
        if (labels.Length == 0 || labels.Min() < 1 || classes > labels.Length) { throw new PictureException($"{files.Name}/{Labels}: {labels.Length} labels; each should count from 1, and at least one is needed"); }
        var parts = MatFile.Read(files, Parts);
        var pictures = new ListedPictures(files, "flowers", classes == FlowerNames.All.Count ? FlowerNames.All : [.. Enumerable.Range(1, classes).Select(label => $"class {label}")]);
        foreach (var (part, split) in new[] { ("trnid", PictureSplit.Train), ("valid", PictureSplit.Train), ("tstid", PictureSplit.Test) })
        {
            foreach (int number in parts.Integers(part))
            {
                if (number < 1 || number > labels.Length) { throw new PictureException($"{files.Name}/{Parts}: '{part}' names picture {number}; {Labels} has labels for 1 to {labels.Length}"); }
                pictures.Add($"jpg/image_{number:d5}.jpg", labels[number - 1] - 1, split);
            }
        }
        return pictures.ToSet(ExpectedCounts.Flowers, PictureSplit.Train, PictureSplit.Test);
    }
}
