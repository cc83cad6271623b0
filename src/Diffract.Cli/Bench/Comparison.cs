using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>Contenders that take turns, round after round, so that what else the machine does strikes all alike; then a table.</summary>
/// <param name="Name">Of the files: "extract".</param>
/// <param name="Title">What is measured, in a line.</param>
sealed record Comparison(string Name, string Title, IReadOnlyList<Contender> Contenders, IReadOnlyList<(string Ours, string Theirs)> Ratios)
{
    /// <summary>Further lines below the table, from what was measured.</summary>
    public Func<IReadOnlyList<Outcome>, IEnumerable<string>> Notes { get; init; } = _ => [];

    public int Run(BenchOptions options, ParseResult arguments)
    {
        var rounds = arguments.GetValue(options.Repeat);
        using var progress = new ConsoleProgress(arguments.GetValue(options.Json));
        var turns = Contenders.ToDictionary(contender => contender.Name, _ => new List<Turn>());
        var meter = new ProgressMeter("bench " + Name, "turns", 0, (long)rounds * Contenders.Count, progress.Report);
        var done = 0;
        for (var round = 0; round < rounds; round++)
        {
            foreach (var contender in Contenders)
            {
                turns[contender.Name].Add(ChildProcess.Run(contender, Cli.Run.Cancellation));
                meter.Report(++done, contender.Name);
            }
        }
        var outcomes = Contenders.Select(contender => new Outcome(contender, turns[contender.Name])).ToList();
        Show(outcomes, options, arguments);
        return 0;
    }

    void Show(IReadOnlyList<Outcome> outcomes, BenchOptions options, ParseResult arguments)
    {
        var machine = Machine.Read();
        var (text, json, name) = (Table(outcomes, machine, arguments), Json(outcomes, machine, arguments), Name + Kernels);
        var folder = Folder(arguments.GetValue(options.Out));
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, name + ".md"), Encoding.UTF8.GetBytes(text));
        AtomicFile.Write(Path.Combine(folder, name + ".json"), Encoding.UTF8.GetBytes(json + "\n"));
        Console.Write(arguments.GetValue(options.Json) ? json + Environment.NewLine : text + $"{Environment.NewLine}written to {Path.Combine(folder, name)}.md and .json{Environment.NewLine}");
    }

    string Table(IReadOnlyList<Outcome> outcomes, Machine machine, ParseResult arguments)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"# {Title}\n");
        Line($"    {BenchOptions.Command(arguments)}\n");
        Line($"{machine.Processor}, {machine.Cores} cores, {outcomes[0].Turns[0].Threads} threads, {machine.KernelPath}, {Size(machine.Memory)} of memory; {outcomes[0].Turns[0].Engine}; {DateTime.UtcNow:yyyy-MM-dd}.");
        Line($"Rounds: {outcomes[0].Turns.Count}; in each, all took their turn, each in a process of its own, after a warm-up. The figures are medians.{Set()}\n");
        Line($"| | s a picture | from - to | pictures/s | peak memory | of it weights |");
        Line($"|---|---|---|---|---|---|");
        foreach (var one in outcomes)
        {
            Line($"| {one.Contender.Name} | {one.Median:g4} | {one.Least:g4} - {one.Most:g4} | {1 / one.Median:g4} | {Size(one.PeakBytes)} | {(one.Turns[0].WeightBytes is { } weights ? Size(weights) : "")} |");
        }
        if (Ratios.Count > 0)
        {
            Line($"\n| | times as fast |");
            Line($"|---|---|");
        }
        foreach (var (ours, theirs) in Ratios)
        {
            Line($"| {ours} : {theirs} | {Ratio(outcomes, ours, theirs):f2} |");
        }
        foreach (var note in Notes(outcomes))
        {
            Line($"\n{note}");
        }
        return text.ToString();
    }

    string Json(IReadOnlyList<Outcome> outcomes, Machine machine, ParseResult arguments) => JsonSerializer.Serialize(new
    {
        bench = Name, title = Title, command = BenchOptions.Command(arguments), date = DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture),
        machine = new { machine.Processor, machine.Cores, machine.CoreLimit, machine.KernelPath, machine.Memory }, environment = Diagnosis.UserEnvironment(),
        contenders = outcomes.Select(one => new { one.Contender.Name, secondsPerPicture = one.Median, one.Least, one.Most, one.PeakBytes, one.Turns }),
        ratios = Ratios.Select(pair => new { pair.Ours, pair.Theirs, timesAsFast = Ratio(outcomes, pair.Ours, pair.Theirs) }),
        notes = Notes(outcomes),
    }, JsonOutput.Indented);

    static double Ratio(IReadOnlyList<Outcome> outcomes, string ours, string theirs) => Of(outcomes, theirs).Median / Of(outcomes, ours).Median;

    internal static Outcome Of(IReadOnlyList<Outcome> outcomes, string name) => outcomes.First(one => one.Contender.Name == name);

    // Results with some of the kernels only lie beside the others.
    static string Kernels => Environment.GetEnvironmentVariable("DIFFRACT_KERNELS") is { Length: > 0 } some ? "-kernels-" + some : "";

    static string Set() => Diagnosis.UserEnvironment() is { Count: > 0 } set ? $" Set in the environment: {string.Join(" ", set.Where(pair => !Path.IsPathRooted(pair.Value)).Select(pair => $"{pair.Key}={pair.Value}"))}." : "";

    static string Size(long? bytes) => bytes is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value / (double)(1 << 30):f2} GiB") : "";

    /// <summary>Where this machine's results go.</summary>
    /// <param name="parent">Null: bench/results of the source tree.</param>
    public static string Folder(string? parent) => Path.GetFullPath(Path.Combine(parent ?? Path.Combine(SourceTree.Root ?? ".", "bench", "results"), FolderName(Machine.Read().Processor)));

    static string FolderName(string processor) => string.Join("-", new string([.. processor.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
