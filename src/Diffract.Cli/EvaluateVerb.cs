using System.CommandLine;
using System.Text.Json;
using Diffract.Features;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class EvaluateVerb
{
    public static Command Create()
    {
        var head = new Option<string>("--head") { Description = "Trained head", Required = true, HelpName = "FILE" };
        var store = new Option<string>("--store") { Description = "Feature store with test pictures", Required = true, HelpName = "STORE" };
        var average = new Option<bool>("--average") { Description = "Average logits over the store's draws and views" };
        var output = new Option<string?>("--out") { Description = "Write the result as JSON, and beside it each picture's outcome, for `compare`", HelpName = "FILE" };
        var json = CommonOptions.Json();
        var backbone = new BackboneOptions(modelRequired: false);
        var verb = new Command("evaluate", "Accuracy of a trained head on every test picture of a store; a head with feedback needs --model too") { head, store, average, output, json, backbone.Model, backbone.Config, backbone.Device };
        verb.SetAction(arguments =>
        {
            using var trained = TrainedHead.Open(arguments.GetValue(head)!);
            using var features = FeatureStore.Open(arguments.GetValue(store)!);
            using var net = arguments.GetValue(backbone.Model) is null ? null : backbone.Open(arguments, trained.DeepestBlock, trained.Features.Precision);
            var test = EvaluateHead.Test(trained, features, arguments.GetValue(average), Run.Cancellation, net?.Backbone, net?.Device, note: text => Console.Error.WriteLine($"note: {text}"));
            if (arguments.GetValue(output) is { } path)
            {
                test.Write(path);
            }
            var score = test.Score;
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(score, JsonOutput.Options) : Describe(score));
            return 0;
        });
        return verb;
    }

    static string Describe(Score score) => string.Join(Environment.NewLine,
        [TrainVerb.Line(score), .. score.Classes.Select(c => FormattableString.Invariant($"  {c.Name,-24} {c.Hits,6} of {c.Pictures,6}  {(c.Accuracy is { } a ? 100 * a : double.NaN),6:f2} %"))]);
}
