using System.CommandLine;
using Diffract.Cli.Bench;

namespace Diffract.Cli;

static class Verbs
{
    public static IEnumerable<Command> All => [PretrainVerb.Create(), ExtractVerb.Create(), TrainVerb.Create(), EvaluateVerb.Create(), PredictVerb.Create(), DoctorVerb.Create(), BenchVerb.Create()];
}
