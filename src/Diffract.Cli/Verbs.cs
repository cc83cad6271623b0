using System.CommandLine;

namespace Diffract.Cli;

static class Verbs
{
    public static IEnumerable<Command> All =>
    [
        ModelsVerb.Create(), InfoVerb.Create(), ForwardVerb.Create(), PretrainVerb.Create(), ExtractVerb.Create(), TrainVerb.Create(), EvaluateVerb.Create(), PredictVerb.Create(),
    ];
}
