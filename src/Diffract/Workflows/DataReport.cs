using Diffract.Data;

namespace Diffract.Workflows;

/// <summary>A class and how many pictures it has.</summary>
public sealed record ClassCount(string Class, int Pictures);

/// <summary>One split of a set.</summary>
/// <param name="Unlabelled">Pictures without label.</param> <param name="Classes">Classes that have pictures in it.</param>
/// <param name="Least">The class with the fewest pictures among those that have any, the first of several; null without labels.</param> <param name="Most">Likewise.</param>
public sealed record SplitCounts(PictureSplit Split, int Pictures, int Unlabelled, int Classes, ClassCount? Least, ClassCount? Most);

/// <summary>A class that has pictures in one split and not in the others.</summary>
public sealed record LoneClass(string Class, PictureSplit Split);

/// <summary>A picture that cannot be used, and why.</summary>
public sealed record BadPicture(string Path, string Why);

/// <summary>Width and height in pixels, upright.</summary>
public sealed record PictureSize(int Width, int Height);

/// <summary>Pictures whose files are the same, byte for byte.</summary>
/// <param name="Count">Of them all.</param> <param name="Paths">The first of them.</param>
public sealed record SamePictures(int Count, IReadOnlyList<string> Paths);

/// <summary>Groups of equal files, across splits or within one.</summary>
/// <param name="Contradicting">Of them all, those whose labels differ.</param> <param name="Examples">The first groups, those that do most harm first.</param>
public sealed record Duplicates(int Contradicting, int AcrossSplits, int WithinSplits, IReadOnlyList<SamePictures> Examples)
{
    public int Groups => AcrossSplits + WithinSplits;
}

/// <summary>What the files themselves say.</summary>
/// <param name="Bytes">Of all files that could be read.</param> <param name="Formats">Pictures of each.</param>
/// <param name="Smallest">By area, as <paramref name="Median"/> and <paramref name="Largest"/>; null where no file could be read.</param>
/// <param name="BadCount">Files that cannot be used.</param> <param name="Bad">The first of them.</param>
public sealed record ContentReport(long Bytes, IReadOnlyDictionary<PictureFormat, int> Formats, PictureSize? Smallest, PictureSize? Median, PictureSize? Largest, int BadCount, IReadOnlyList<BadPicture> Bad, Duplicates Duplicates);

/// <summary>What a data set was recognised as and what is in it.</summary>
public sealed record DataReport
{
    public required string Name { get; init; }

    /// <inheritdoc cref="PictureSet.Layout"/>
    public required string? Layout { get; init; }

    public required int Pictures { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    public required IReadOnlyList<SplitCounts> Splits { get; init; }

    /// <summary>Classes that occur in one split only, where there are several splits with labels.</summary>
    public required IReadOnlyList<LoneClass> InOneSplit { get; init; }

    /// <inheritdoc cref="PictureSet.Expected"/>
    public required ExpectedCounts? Expected { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Null where the files were not looked into.</summary>
    public required ContentReport? Content { get; init; }
}
