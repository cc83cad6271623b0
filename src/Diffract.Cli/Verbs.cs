using System.CommandLine;

namespace Diffract.Cli;

static class Verbs
{
    public static IEnumerable<Command> All => [ForwardVerb.Create(), PretrainVerb.Create(), ExtractVerb.Create(), TrainVerb.Create(), EvaluateVerb.Create(), PredictVerb.Create()];
}
