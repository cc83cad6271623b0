using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Reports;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A map's score by one k and one way to vote.</summary>
/// <param name="Votes">"weighted" or "majority".</param> <param name="Low">Of the 95 % interval of top-1 (Wilson).</param> <param name="Outcomes">File of its <see cref="PictureOutcomes"/>; null where none was written.</param>
public sealed record NeighboursLine(int T, int Block, int Pool, int K, string Votes, long Pictures, long Top1Hits, double Top1, double Low, double High, long Top5Hits, double Top5, string? Outcomes = null)
{
    public static NeighboursLine Of(NeighboursCell cell, string? outcomes)
    {
        var accuracy = cell.Score.Accuracy;
        return new(cell.Name.T, cell.Name.Block, cell.Name.Pool, cell.Score.K, cell.Score.Votes.ToString().ToLowerInvariant(),
            accuracy.Pictures, accuracy.Hits, accuracy.Top1, accuracy.Top1Interval.Low, accuracy.Top1Interval.High, accuracy.HitsTopK, accuracy.TopK, outcomes);
    }
}

/// <summary>result.json of nearest neighbours: what came out, and how it was made.</summary>
public sealed record NeighboursResult
{
    public string Kind => "knn";
    public required IReadOnlyList<NeighboursLine> Lines { get; init; }
    /// <summary>How neighbours are found, how they vote, and how ties are settled.</summary>
    public required string Rule { get; init; }
    public required double Temperature { get; init; }
    public required int TrainPictures { get; init; }
    /// <summary>Which pictures were asked for, and what may be chosen by the figures.</summary>
    public required string Choice { get; init; }
    public required string Splits { get; init; }
    /// <summary>See <see cref="PictureOutcomes.TestSha256"/>.</summary>
    public required string TestSha256 { get; init; }
    public required int AveragedLooks { get; init; }
    public required JsonNode Features { get; init; }

    public static NeighboursResult Of(FeatureStore store, NeighboursRequest request, int[] train, int[] test, IEnumerable<NeighboursCell> cells, Func<NeighboursCell, string?> outcomes) => new()
    {
        Lines = [.. cells.Select(cell => NeighboursLine.Of(cell, outcomes(cell)))],
        Rule = string.Create(CultureInfo.InvariantCulture,
            $"Exact neighbours by cosine in float64, of equal ones the earlier row of the store; weighted votes are exp(cosine / {request.Knn.Temperature}), majority votes are 1; of classes with equal votes the first in the list of classes."),
        Temperature = request.Knn.Temperature,
        TrainPictures = train.Length,
        Choice = request.OnHeldOut
            ? $"Asked for {test.Length} training pictures that were held out, among the other {train.Length}: t, block, pool and k may be chosen by this. The test pictures were not used."
            : $"Asked for the {test.Length} test pictures. Nothing was chosen; whoever takes the best of several settings from here chooses on the test pictures.",
        Splits = store.Manifest.Splits,
        TestSha256 = PictureOutcomes.Sha256(test.Select(row => (store.HashOf(row), store.Labels[row]))),
        AveragedLooks = request.AverageLooks ? store.Request.Views * store.Request.Draws : 1,
        Features = store.Manifest.How.DeepClone(),
    };

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, HeadResult.Json));

    public Reports.Table Table()
    {
        var table = new Reports.Table(new("t", Align.Right), new("block", Align.Right), new("pool", Align.Right), new("k", Align.Right), new("votes"), new("top-1", Align.Right), new("95 % interval", Align.Right), new("top-5", Align.Right));
        foreach (var line in Lines)
        {
            table.Add(Text(line.T), Text(line.Block), Text(line.Pool), Text(line.K), line.Votes, Numbers.Percent(line.Top1, 2), $"{Numbers.Percent(line.Low)} to {Numbers.Percent(line.High)}", Numbers.Percent(line.Top5, 2));
        }
        return table;
    }

    /// <summary>Top-1 over blocks and steps, a map for each pool: weighted votes of the first k.</summary>
    public IEnumerable<HeatMap> HeatMaps() => Lines.Where(line => line.K == Lines[0].K && line.Votes == Lines[0].Votes).GroupBy(line => line.Pool).Select(cells =>
    {
        int[] blocks = [.. cells.Select(c => c.Block).Distinct().Order()], steps = [.. cells.Select(c => c.T).Distinct().Order()];
        var values = new double[blocks.Length, steps.Length];
        foreach (var cell in cells)
        {
            values[Array.IndexOf(blocks, cell.Block), Array.IndexOf(steps, cell.T)] = cell.Top1;
        }
        return new HeatMap
        {
            Title = $"Top-1 of {Lines[0].K} nearest neighbours, {(cells.Key == 0 ? "whole maps" : $"pool {cells.Key} x {cells.Key}")}", RowLabel = "block", ColumnLabel = "t",
            Rows = [.. blocks.Select(Text)], Columns = [.. steps.Select(Text)], Values = values, Style = NumberStyle.Percent, MarkHighest = true,
        };
    });

    /// <summary>Table and heat maps on one page.</summary>
    public HtmlPage Page()
    {
        var page = new HtmlPage("Nearest neighbours").Paragraph(Choice).Paragraph(Rule).Paragraph(Splits);
        if (Lines.Select(line => (line.T, line.Block)).Distinct().Count() > 1)
        {
            foreach (var map in HeatMaps())
            {
                page.Figure(map.Draw());
            }
        }
        return page.Table(Table(), "Intervals are 95 % (Wilson), from the number of pictures alone.");
    }

    static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
