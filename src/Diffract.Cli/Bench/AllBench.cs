using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench all`: every comparison one after the other, and one table of all that this machine's folder of results holds.</summary>
static class AllBench
{
    public const string TableFile = "README.md", PictureFile = "roofline.svg";

    // The lines of the table, by name of the file that each leaves.
    static readonly (string Name, string Command)[] Steps =
    [
        ("extract", "extract --repeat 2"), ("extract-batch8", "extract --batch 8 --precision bf16 --repeat 2"), ("extract-small32", "extract --config small32 --block 25 --batch 32"), ("train", "train"), ("floor", "floor"), ("onnx", "onnx"), ("batches", "batches --precision bf16"),
        ("taps", "taps --precision bf16"), ("start", "start"), ("feedback-small32", "feedback --config small32 --block 19 --batch 32"), ("feedback", "feedback --repeat 1"), ("probe", "probe"), ("decode", "decode"), ("knn", "knn"),
    ];

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 1);
        var missing = new Option<bool>("--missing") { Description = "Only those that have left no result yet" };
        var table = new Option<bool>("--table") { Description = "Measure nothing; make the table of the results that are there" };
        var verb = new Command("all", "Every comparison one after the other, and one table; some 45 minutes") { missing, table, common.Out };
        verb.SetAction(arguments =>
        {
            var folder = Comparison.Folder(arguments.GetValue(common.Out));
            foreach (var (name, command) in arguments.GetValue(table) ? [] : Steps)
            {
                if (!arguments.GetValue(missing) || !File.Exists(Path.Combine(folder, name + ".json")))
                {
                    Console.Error.WriteLine($"diffract bench {command}");
                    Measure(command.Split(' '), ["--out", Path.GetDirectoryName(folder)!]);
                }
            }
            var picture = Path.Combine(folder, PictureFile);
            if (!arguments.GetValue(table) && !(arguments.GetValue(missing) && File.Exists(picture)))
            {
                Measure(["profile"], ["--picture", picture]);
            }
            var text = Table(folder);
            AtomicFile.Write(Path.Combine(folder, TableFile), Encoding.UTF8.GetBytes(text));
            Console.Write(text);
            return 0;
        });
        return verb;
    }

    // A measurement that cannot be made, such as one whose peer is not there, leaves the others alone.
    static void Measure(IEnumerable<string> command, IEnumerable<string> options)
    {
        var (program, start) = Contender.Self;
        using var process = Process.Start(new ProcessStartInfo(program, [.. start, "bench", .. command, .. options]) { RedirectStandardOutput = true })!;
        using var stop = Run.Cancellation.Register(() => process.Kill(entireProcessTree: true));
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Run.Cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
        {
            Console.Error.WriteLine($"diffract bench {string.Join(' ', command)} ended with {process.ExitCode}; the table goes on without it");
        }
    }

    static string Table(string folder)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"# {Machine.Read().Processor}\n");
        Line($"Made by `diffract bench all`. Each line compares medians of one run; its file has the rest: command, date, spread, memory, versions. Seconds are of one picture.\n");
        Line($"| what | who | s | beside | s | times as fast | file |");
        Line($"|---|---|---:|---|---:|---:|---|");
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(folder, "*.json").OrderBy(Order).ThenBy(file => file, StringComparer.Ordinal))
        {
            var result = JsonNode.Parse(File.ReadAllBytes(file))!;
            double Seconds(string name) => (double)result["contenders"]!.AsArray().First(one => (string?)one!["name"] == name)!["secondsPerPicture"]!;
            foreach (var pair in result["ratios"]!.AsArray().Select(pair => pair!.AsObject()))
            {
                var (ours, theirs) = ((string)pair["ours"]!, (string)pair["theirs"]!);
                Line($"| {(string?)result["title"]} | {ours} | {Seconds(ours):g3} | {theirs} | {Seconds(theirs):g3} | {(double)pair["timesAsFast"]!:f2} | [{Path.GetFileNameWithoutExtension(file)}]({Path.GetFileNameWithoutExtension(file)}.md) |");
            }
            foreach (var alone in result["contenders"]!.AsArray().Where(_ => result["ratios"]!.AsArray().Count == 0))
            {
                Line($"| {(string?)result["title"]} | {(string?)alone!["name"]} | {(double)alone["secondsPerPicture"]!:g3} | | | | [{Path.GetFileNameWithoutExtension(file)}]({Path.GetFileNameWithoutExtension(file)}.md) |");
            }
        }
        if (File.Exists(Path.Combine(folder, PictureFile)))
        {
            Line($"\n![Rates of the blocks below what memory and arithmetic allow]({PictureFile})");
        }
        return text.ToString();
    }

    static int Order(string file) => Array.FindIndex(Steps, step => step.Name == Path.GetFileNameWithoutExtension(file)) is var at and >= 0 ? at : Steps.Length;
}
