using System.Text.Json.Nodes;
using Diffract.Metrics;

namespace Diffract.Workflows;

/// <summary>A result of one seed.</summary>
/// <param name="Low">Of the 95 % interval of top-1 (Wilson).</param> <param name="Chosen">What was chosen on held-out pictures; null where nothing was.</param>
/// <param name="Folder">Where its files are, relative to the file that names it; null: beside it.</param>
public sealed record SeedScore(ulong Seed, long Pictures, long Top1Hits, double Top1, double Low, double High, long Top5Hits, double Top5, JsonNode? Chosen, string? Folder);

/// <summary>A line of a table of results: one or several seeds of the same thing.</summary>
public sealed record ResultEntry
{
    public required string Name { get; init; }
    /// <summary>Of the data set; null where the result does not say.</summary>
    public string? Data { get; init; }
    /// <summary>"linear", "attention", "knn" ...</summary>
    public required string Kind { get; init; }
    /// <summary>Trained values; null where nothing is trained or it is not said.</summary>
    public long? Parameters { get; init; }
    public long? TrainPictures { get; init; }
    public required IReadOnlyList<SeedScore> Seeds { get; init; }
    public PaperFigure? Paper { get; init; }
    /// <summary>How choices were made.</summary>
    public string Choice { get; init; } = "";
    /// <summary>Facts that must agree for two results to have been made the same way, by name.</summary>
    public required IReadOnlyDictionary<string, string> How { get; init; }
    /// <summary>Of the first seed; null where there is none.</summary>
    public string? OutcomesFile { get; init; }

    public double Top1 => Seeds.Average(seed => seed.Top1);

    public double Top5 => Seeds.Average(seed => seed.Top5);

    /// <summary>Standard deviation over the seeds (n - 1); null with one seed, or where nothing depends on it.</summary>
    public double? Spread => Seeds.Count < 2 || Kind == "knn" && Seeds.All(seed => seed.Top1Hits == Seeds[0].Top1Hits) ? null : Math.Sqrt(Seeds.Sum(seed => (seed.Top1 - Top1) * (seed.Top1 - Top1)) / (Seeds.Count - 1));

    /// <summary>95 %, Wilson, for the mean number of hits: it speaks of the choice of test pictures; <see cref="Spread"/> speaks of the seeds.</summary>
    public Interval Interval => Interval.Wilson((long)Math.Round(Seeds.Average(seed => (double)seed.Top1Hits)), (long)Math.Round(Seeds.Average(seed => (double)seed.Pictures)));
}
