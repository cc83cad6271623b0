using Diffract.Data;

namespace Diffract.Workflows;

/// <summary>How closely a data set is looked at.</summary>
public sealed record InspectDataOptions
{
    /// <summary>Lists and labels alone; no picture is read.</summary>
    public bool Quick { get; init; }

    /// <summary>Decode every picture, which finds damage behind its header, too.</summary>
    public bool Decode { get; init; }

    /// <summary>Threads that read.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;
}

/// <summary>Counts, sizes, bad files and duplicates of a data set.</summary>
public static class InspectData
{
    /// <summary>Bad files, groups of duplicates and pictures of a group that are named; all are counted.</summary>
    public const int MostNamed = 20;

    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static DataReport Run(PictureSet set, InspectDataOptions options, Action<Progress>? report = null, CancellationToken cancellation = default) => new()
    {
        Name = set.Name, Layout = set.Layout, Pictures = set.Items.Count, Classes = set.ClassNames, Expected = set.Expected, Warnings = set.Warnings,
        Splits = [.. set.Items.GroupBy(item => item.Split).OrderBy(split => split.Key).Select(split => Count(set, split))],
        InOneSplit = Lone(set),
        Content = options.Quick ? null : PictureContents.Read(set, options, report, cancellation),
    };

    static SplitCounts Count(PictureSet set, IGrouping<PictureSplit, PictureItem> split)
    {
        var pictures = new int[set.ClassNames.Count];
        int unlabelled = 0;
        foreach (var item in split)
        {
            if (item.Class < 0) { unlabelled++; }
            else { pictures[item.Class]++; }
        }
        var full = pictures.Select((count, label) => new ClassCount(set.ClassNames[label], count)).Where(count => count.Pictures > 0).ToList();
        return new(split.Key, split.Count(), unlabelled, full.Count, full.MinBy(count => count.Pictures), full.MaxBy(count => count.Pictures));
    }

    static List<LoneClass> Lone(PictureSet set)
    {
        var splits = set.Items.Where(item => item.Class >= 0).Select(item => (item.Class, item.Split)).ToHashSet();
        return splits.Select(pair => pair.Split).Distinct().Count() < 2 ? []
            : [.. splits.GroupBy(pair => pair.Class).Where(pairs => pairs.Count() == 1).OrderBy(pairs => pairs.Key).Select(pairs => new LoneClass(set.ClassNames[pairs.Key], pairs.First().Split))];
    }
}
