using System.CommandLine;
using System.Text.Json;
using Diffract.Features;
using Diffract.Workflows;

namespace Diffract.Cli;

static class PredictVerb
{
    public static Command Create()
    {
        var backbone = new BackboneOptions();
        var head = new Option<string>("--head") { Description = "Trained head", Required = true, HelpName = "FILE" };
        var draws = new Option<int>("--draws") { Description = "Draws of noise to average over", DefaultValueFactory = _ => 1 };
        var top = new Option<int>("--top") { Description = "Classes to show", DefaultValueFactory = _ => 3 };
        var pictures = new Argument<string[]>("pictures") { Description = "Picture files", Arity = ArgumentArity.OneOrMore };
        var json = CommonOptions.Json();
        var verb = new Command("predict", "Labels and probabilities for pictures") { backbone.Model, backbone.Config, backbone.Device, head, draws, top, json, pictures };
        verb.SetAction(arguments =>
        {
            if (arguments.GetValue(top) is < 1 and var classes)
            {
                throw new ArgumentException($"--top {classes}: expected 1 class or more");
            }
            using var trained = TrainedHead.Open(arguments.GetValue(head)!, Torch.Device.Parse(arguments.GetValue(backbone.Device)!));
            using var net = backbone.Open(arguments, trained.DeepestBlock, trained.Features.Precision);
            var failed = false;
            foreach (var prediction in EvaluateHead.Predict(trained, net, arguments.GetValue(pictures)!, arguments.GetValue(draws)))
            {
                failed |= prediction.Error is not null;
                Show(prediction, trained.ClassNames, arguments.GetValue(top), arguments.GetValue(json));
            }
            return failed ? 1 : 0;
        });
        return verb;
    }

    static void Show(Prediction prediction, IReadOnlyList<string> names, int top, bool json)
    {
        var ranked = prediction.Ranked.Take(top).Select(pair => (Name: names[pair.Class], pair.Probability)).ToList();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { prediction.Picture, prediction.Error, classes = ranked.Select(pair => new { pair.Name, pair.Probability }) }, JsonOutput.Options));
        }
        else if (prediction.Error is { } error)
        {
            Console.Error.WriteLine(StoreManifest.Named(prediction.Picture, error));
        }
        else
        {
            Console.WriteLine($"{prediction.Picture}: {string.Join(", ", ranked.Select(pair => FormattableString.Invariant($"{pair.Name} {100 * pair.Probability:f1} %")))}");
        }
    }
}
