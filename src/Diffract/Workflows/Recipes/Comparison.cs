using System.Globalization;
using System.Text;
using Diffract.Metrics;
using Diffract.Reports;

namespace Diffract.Workflows;

/// <summary>Two results on the same pictures, picture by picture.</summary>
public sealed record PairedLine(ResultEntry First, ResultEntry Second, PairedComparison Compared);

/// <summary>Results side by side: a table with intervals, what was not made the same way, and paired tests where both results kept each picture's outcome.</summary>
public sealed record Comparison(IReadOnlyList<ResultEntry> Entries, IReadOnlyList<FactDifference> Differences, IReadOnlyList<PairedLine> Paired)
{
    /// <summary>Compares; paired, each later result with the first one on the same test pictures.</summary>
    public static Comparison Of(IReadOnlyList<ResultEntry> entries)
    {
        List<PairedLine> paired = [];
        foreach (var alike in entries.Where(entry => entry.OutcomesFile is not null).GroupBy(entry => entry.How.GetValueOrDefault("test pictures")))
        {
            var first = alike.First();
            var outcomes = PictureOutcomes.Read(first.OutcomesFile!);
            paired.AddRange(alike.Skip(1).Select(second => (second, PictureOutcomes.Compare(outcomes, PictureOutcomes.Read(second.OutcomesFile!)))).Where(pair => pair.Item2 is not null)
                .Select(pair => new PairedLine(first, pair.second, pair.Item2!)));
        }
        return new(entries, ResultFacts.Differences(entries), paired);
    }

    public Reports.Table Table()
    {
        var (data, seeds, paper) = (Entries.Select(e => e.Data).Distinct().Count() > 1, Entries.Any(e => e.Seeds.Count > 1), Entries.Any(e => e.Paper is not null));
        List<Column> columns = [new("", Align.Right), new("result"), .. data ? [new Column("data")] : Array.Empty<Column>(), new("kind"), new("parameters", Align.Right), new("labels", Align.Right), new("top-1", Align.Right), new("95 % interval", Align.Right)];
        columns.AddRange(seeds ? [new("spread", Align.Right), new("seeds", Align.Right)] : []);
        columns.Add(new("top-5", Align.Right));
        columns.AddRange(paper ? [new("paper", Align.Right), new("difference", Align.Right)] : []);
        var table = new Reports.Table([.. columns]);
        foreach (var (i, entry) in Entries.Index())
        {
            List<string> cells = [Place(i), entry.Name, .. data ? [entry.Data ?? ""] : Array.Empty<string>(), entry.Kind, Short(entry.Parameters), entry.TrainPictures is { } n ? Numbers.Count(n) : "",
                Numbers.Percent(entry.Top1, 2), $"{Numbers.Percent(entry.Interval.Low)} to {Numbers.Percent(entry.Interval.High)}"];
            cells.AddRange(seeds ? [entry.Spread is { } spread ? Numbers.Fixed(100 * spread, 2) : "", Place(entry.Seeds.Count - 1)] : []);
            cells.Add(Numbers.Percent(entry.Top5, 2));
            cells.AddRange(!paper ? [] : entry.Paper is { } said ? [Numbers.Fixed(said.Top1, 2) + "\u00a0%", Signed(100 * entry.Top1 - said.Top1)] : ["", ""]);
            table.Add([.. cells]);
        }
        return table;
    }

    /// <summary>Null where no two results can be paired.</summary>
    public Reports.Table? PairedTable()
    {
        if (Paired.Count == 0) { return null; }
        var table = new Reports.Table(new("first"), new("second"), new("difference", Align.Right), new("95 % interval", Align.Right), new("first alone", Align.Right), new("second alone", Align.Right), new("p", Align.Right));
        foreach (var line in Paired)
        {
            var c = line.Compared;
            table.Add(Label(line.First), Label(line.Second), Signed(100 * c.Difference), $"{Signed(100 * c.Interval.Low)} to {Signed(100 * c.Interval.High)}", Numbers.Count(c.OnlyFirst), Numbers.Count(c.OnlySecond), Numbers.Significant(c.PValue, 2));
        }
        return table;
    }

    /// <summary>One line for each fact on which not all agree: "t: 90 (1, 2); 150 (3)".</summary>
    public IEnumerable<string> Notes() => Differences.Select(difference => $"{difference.Fact}: {string.Join("; ", difference.Values.Select(value => $"{value.Value} ({string.Join(", ", value.Entries.Select(Place))})"))}");

    /// <summary>What the columns mean, as far as these results have them.</summary>
    public IEnumerable<string> Legend()
    {
        yield return "Intervals are 95 % (Wilson): they speak of the choice of test pictures alone.";
        if (Entries.Any(e => e.Seeds.Count > 1)) { yield return "Of several seeds the mean is shown; the spread is their standard deviation, in points."; }
        if (Paired.Count > 0) { yield return "Paired: each result against the first on the same test pictures, first seeds, in points; p is McNemar's exact test, not corrected for the number of comparisons."; }
    }

    public string Text() => Join(Table().Text(), "Not made the same way:", note => "  " + note, PairedTable()?.Text());

    public string Markdown(string title, IEnumerable<string> about) => $"# {title}\n\n{string.Concat(about.Select(line => line + "\n\n"))}{Join(Table().Markdown(), "## Not made the same way", note => "- " + note, PairedTable() is { } paired ? "## Picture by picture\n\n" + paired.Markdown() : null)}\n";

    public HtmlPage Page(string title, IEnumerable<string> about)
    {
        var page = new HtmlPage(title);
        foreach (var line in about) { page.Paragraph(line); }
        page.Figure(Bars().Draw(), "Top-1 with 95 % intervals.").Table(Table());
        foreach (var line in Legend()) { page.Paragraph(line); }
        if (Differences.Count > 0) { page.Heading("Not made the same way").List(Notes()); }
        return PairedTable() is { } paired ? page.Heading("Picture by picture").Table(paired) : page;
    }

    BarChart Bars() => new()
    {
        Label = "top-1 accuracy",
        Bars = [.. Entries.Select(entry => new Bar(Label(entry), entry.Top1, entry.Interval, 0))],
    };

    string Join(string table, string heading, Func<string, string> line, string? paired)
    {
        var text = new StringBuilder(table).Append("\n\n").AppendJoin('\n', Legend());
        if (Differences.Count > 0) { text.Append("\n\n").Append(heading).Append('\n').Append(heading.StartsWith('#') ? "\n" : "").AppendJoin('\n', Notes().Select(line)); }
        return (paired is null ? text : text.Append("\n\n").Append(paired)).ToString();
    }

    string Label(ResultEntry entry) => Entries.Count(other => other.Name == entry.Name) > 1 && entry.Data is { } data ? $"{entry.Name}, {data}" : entry.Name;

    static string Place(int index) => (index + 1).ToString(CultureInfo.InvariantCulture);

    static string Signed(double points) => (points >= 0 ? "+" : "\u2212") + Numbers.Fixed(Math.Abs(points), 2);

    static string Short(long? count) => count switch { null => "", >= 1_000_000 => Numbers.Fixed(count.Value / 1e6, 1) + " M", _ => Numbers.Count(count.Value) };
}
