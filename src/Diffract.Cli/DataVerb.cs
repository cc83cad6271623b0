using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Diffract.Data;
using Diffract.Workflows;

namespace Diffract.Cli;

static class DataVerb
{
    static readonly JsonSerializerOptions Json = new(JsonOutput.Options) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    public static Command Create()
    {
        var path = new Argument<string>("DIR") { Description = "Folder, .tar, .tar.gz, list of pictures or builtin:train=N,test=M" };
        var (layout, classes, json) = (CommonOptions.Layout(), CommonOptions.Classes(), CommonOptions.Json());
        var quick = new Option<bool>("--quick") { Description = "Lists and labels alone; read no picture" };
        var decode = new Option<bool>("--decode") { Description = "Decode every picture, which finds damage behind its header, too" };
        var workers = new Option<int?>("--workers") { Description = "Threads that read" };
        var verb = new Command("data", "Say what a data set is recognised as, what is in it and what is wrong with it") { path, layout, classes, quick, decode, workers, json };
        verb.SetAction(arguments =>
        {
            var set = CommonOptions.Open(arguments.GetValue(path)!, arguments.GetValue(layout), arguments.GetValue(classes));
            var options = new InspectDataOptions { Quick = arguments.GetValue(quick), Decode = arguments.GetValue(decode), Workers = arguments.GetValue(workers) ?? Environment.ProcessorCount };
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var report = InspectData.Run(set, options, progress.Report, Run.Cancellation);
            progress.Dispose();
            if (arguments.GetValue(json)) { Console.WriteLine(JsonSerializer.Serialize(report, Json)); }
            else { Print(report); }
            return 0;
        });
        return verb;
    }

    static void Print(DataReport report)
    {
        Line("layout", report.Layout is null ? "none: made when read" : report.Expected is null ? report.Layout : $"{report.Layout} ({report.Expected.Title})");
        Line("pictures", Text($"{report.Pictures:n0}, {report.Classes.Count:n0} classes"));
        if (report.Expected is { } expected) { Line("published", Text($"{expected.Classes:n0} classes, {expected.Train:n0} to train on, {expected.Test:n0} to test on")); }
        Console.WriteLine();
        var table = new TextTable("split", ">pictures", ">classes", ">no label", "fewest", "most");
        foreach (var split in report.Splits)
        {
            table.Add(Name(split.Split), Text($"{split.Pictures:n0}"), Text($"{split.Classes:n0}"), Text($"{split.Unlabelled:n0}"), Class(split.Least), Class(split.Most));
        }
        table.Write(Console.Out);
        Console.WriteLine();
        if (report.Content is { } content) { Print(content); }
        if (report.InOneSplit is { Count: > 0 } lone)
        {
            Note(Text($"{lone.Count:n0} classes occur in one split only: {string.Join(", ", lone.Take(3).Select(one => $"{one.Class} ({Name(one.Split)})"))}{(lone.Count > 3 ? " ..." : "")}"));
        }
        foreach (var warning in report.Warnings) { Note(warning); }
    }

    static void Print(ContentReport content)
    {
        Line("files", Text($"{content.Bytes / (double)(1 << 20):n1} MiB; {string.Join(", ", content.Formats.Select(format => Text($"{format.Value:n0} {format.Key}")))}"));
        if (content.Smallest is { } smallest) { Line("sizes", $"{Size(smallest)} (smallest), {Size(content.Median!)} (median), {Size(content.Largest!)} (largest)"); }
        var duplicates = content.Duplicates;
        Line("duplicates", duplicates.Groups == 0 ? "none"
            : Text($"{duplicates.Groups:n0} groups of equal files: {duplicates.AcrossSplits:n0} across splits, {duplicates.WithinSplits:n0} within a split; {duplicates.Contradicting:n0} of them with different labels"));
        foreach (var same in duplicates.Examples.Take(5)) { Line("", string.Join(" = ", same.Paths.Take(4)) + (same.Count > 4 ? Text($" = ... ({same.Count:n0})") : "")); }
        Line("bad files", content.BadCount == 0 ? "none" : Text($"{content.BadCount:n0}"));
        foreach (var bad in content.Bad) { Line("", bad.Why); }
        Console.WriteLine();
    }

    static void Line(string name, string value) => Console.WriteLine($"{name,-12}{value}");

    static void Note(string text) => Console.WriteLine("note  " + text);

    static string Name(PictureSplit split) => split == PictureSplit.None ? "(none)" : split.ToString().ToLowerInvariant();

    static string Class(ClassCount? count) => count is null ? "" : Text($"{count.Pictures:n0} {count.Class}");

    static string Size(PictureSize size) => $"{size.Width}x{size.Height}";

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
