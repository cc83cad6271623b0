namespace Diffract.Cli.Bench;

/// <summary>One of those that are measured in turn: a command that prints its figures as a line of JSON at the end.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Program">The executable.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Read">From that line to the figures.</param>
sealed record Contender(string Name, string Program, IReadOnlyList<string> Arguments, Func<string, Turn> Read)
{
    /// <summary>This program, and what comes before its verb.</summary>
    public static (string Program, IReadOnlyList<string> Start) Self => Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
        ? (Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "Diffract.Cli.dll")]) : (Environment.ProcessPath!, []);

    /// <summary>This program again, in a process of its own, so that one measurement does not see what another left behind.</summary>
    /// <param name="bench">"extract"; the child is told that it is one by <see cref="BenchOptions.Child"/>.</param>
    public static Contender Ours(string name, string bench, params IEnumerable<string> options)
    {
        var (program, start) = Self;
        return new(name, program, [.. start, "bench", bench, BenchOptions.ChildName, .. options], Turn.OfOurs);
    }
}

/// <summary>What a contender measured in one turn.</summary>
/// <param name="SecondsPerPicture">The median of its repetitions.</param> <param name="PeakBytes">Null where it does not tell.</param>
/// <param name="Threads">That one operator could use.</param> <param name="Engine">Versions.</param>
sealed record Turn(double SecondsPerPicture, long? PeakBytes, long? WeightBytes, int Threads, string Engine)
{
    public static Turn OfOurs(string json)
    {
        var sample = System.Text.Json.JsonSerializer.Deserialize<Workflows.BenchSample>(json, JsonOutput.Options)!;
        return new(Statistics.Median(sample.SecondsPerPicture), sample.PeakBytes, sample.WeightBytes, sample.Threads, sample.Engine);
    }
}

/// <summary>All turns of a contender.</summary>
sealed record Outcome(Contender Contender, IReadOnlyList<Turn> Turns)
{
    public double Median => Statistics.Median(Turns.Select(turn => turn.SecondsPerPicture));
    public double Least => Turns.Min(turn => turn.SecondsPerPicture);
    public double Most => Turns.Max(turn => turn.SecondsPerPicture);
    public long? PeakBytes => Turns.Max(turn => turn.PeakBytes);
}

static class Statistics
{
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
