namespace Diffract.Data;

/// <summary>How many pictures a published data set has.</summary>
/// <param name="Title">What people call the set.</param>
/// <param name="Train">Training pictures; where the papers count the authors' validation part with them, so does this.</param>
/// <param name="Test">Pictures to test on, which are the validation part where a set's test labels were never published.</param>
/// <param name="Source">Where the figures stand.</param>
public sealed record ExpectedCounts(string Title, int Classes, int Train, int Test, string Source)
{
    const string Papers = "the papers' tables of data sets", Authors = "its authors' description";

    internal static readonly ExpectedCounts
        ImageNet = new("ImageNet-1k", 1000, 1_281_167, 50_000, Authors), ImageNet50 = new("ImageNet-50", 50, 64_274, 2_500, Papers),
        Aircraft = new("FGVC-Aircraft", 100, 6_667, 3_333, Papers), Cars = new("Stanford Cars", 196, 8_144, 8_041, Papers), Cub = new("CUB-200-2011", 200, 5_994, 5_794, Papers),
        Dogs = new("Stanford Dogs", 120, 12_000, 8_580, Papers), Flowers = new("Oxford Flowers-102", 102, 2_040, 6_149, Papers), NABirds = new("NABirds", 555, 23_929, 24_633, Papers),
        Cifar10 = new("CIFAR-10", 10, 50_000, 10_000, Authors), Cifar100 = new("CIFAR-100", 100, 50_000, 10_000, Authors),
        Mnist = new("MNIST", 10, 60_000, 10_000, Authors), FashionMnist = new("Fashion-MNIST", 10, 60_000, 10_000, Authors);

    /// <summary>A sentence for each count of a set that is another; a smaller copy of a set may be meant, so none is an error.</summary>
    public IEnumerable<string> Differences(PictureSet set)
    {
        int train = set.Items.Count(item => item.Split == PictureSplit.Train), test = set.Items.Count(item => item.Split is PictureSplit.Test or PictureSplit.Validation);
        int classes = set.Items.Where(item => item.Class >= 0).Select(item => item.Class).Distinct().Count();
        (int Found, int Expected, string What)[] counts = [(classes, Classes, "classes with pictures"), (train, Train, "training pictures"), (test, Test, "test pictures")];
        return counts.Where(count => count.Found != count.Expected)
            .Select(count => FormattableString.Invariant($"{set.Name}: {count.Found:n0} {count.What}, {Title} has {count.Expected:n0} ({Source})"));
    }
}
