using System.CommandLine;

namespace Diffract.Cli.Bench;

/// <summary>Measurements of speed and memory, each beside what it is compared with; one file a measurement.</summary>
static class BenchVerb
{
    public static Command Create() => new("bench", "Measure speed and memory, beside plain PyTorch in the same run") { ExtractBench.Create(), TrainBench.Create(), FeedbackBench.Create(), ProbeBench.Create(), ProfileBench.Create(), CheckpointBench.Create() };
}
