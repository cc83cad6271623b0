using System.CommandLine;

namespace Diffract.Cli.Bench;

/// <summary>Measurements of speed and memory, each beside what it is compared with; one file a measurement.</summary>
static class BenchVerb
{
    public static Command Create() => new("bench", "Measure speed and memory, beside plain PyTorch in the same run")
    {
        AllBench.Create(), ExtractBench.Create(), TrainBench.Create(), FeedbackBench.Create(), ProbeBench.Create(), FloorBench.Create(), OnnxBench.Create(), BatchesBench.Create(), TapsBench.Create(), StartBench.Create(), DecodeBench.Create(), KnnBench.Create(),
        ProfileBench.Create(), CheckpointBench.Create(),
    };
}
