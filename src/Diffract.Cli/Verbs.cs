using System.CommandLine;
using Diffract.Cli.Bench;

namespace Diffract.Cli;

static class Verbs
{
    /// <summary>In the order of help: what people begin with first.</summary>
    public static IEnumerable<Command> All =>
    [
        DemoVerb.Create(), DoctorVerb.Create(), DataVerb.Create(), ModelsVerb.Create(), InfoVerb.Create(), ExtractVerb.Create(), TrainVerb.Create(), FineTuneVerb.Create(), EvaluateVerb.Create(), PredictVerb.Create(),
        KnnVerb.Create(), PretrainVerb.Create(), SheetVerb.Create(), ConvertVerb.Create(), ImportHeadVerb.Create(), ForwardVerb.Create(), BenchVerb.Create(),
    ];
}
