using System.CommandLine;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class FineTuneVerb
{
    public static Command Create()
    {
        var (backbone, features, head, subset, look, feedback) = (new BackboneOptions(), new FeatureOptions(), new HeadOptions(), new SubsetOptions(), new LiveOptions(), new FeedbackOptions());
        (head.Head.Description, head.Recipe.Description) = (HeadName.Known + ", diffeed", string.Join(", ", FineTuneRecipes.Names));
        var layerDecay = new Option<double?>("--layer-decay") { Description = "Learning rate of a block over that of the block after it, instead of the recipe's" };
        var accumulate = new Option<int>("--accumulate") { Description = "Parts of a batch whose gradients are added up, for less memory", DefaultValueFactory = _ => 1 };
        var recompute = new Option<bool>("--recompute") { Description = "Compute blocks once more in the backward pass: less memory, a third more time" };
        var (output, json) = (CommonOptions.Out("Folder for model.safetensors, head.safetensors and result.json"), CommonOptions.Json());
        var verb = new Command("finetune", "Train the net up to the deepest block together with a head, and test on every test picture") { layerDecay, accumulate, recompute, output, json };
        foreach (var option in head.All.Concat(subset.All).Concat(look.All).Concat(backbone.All).Concat(features.All).Concat(feedback.OfHead).Except([head.Grid, features.Views, features.Store, features.TrustPictures, features.Batch]))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            features.RefuseInto(arguments, arguments.GetValue(output)!);
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var (folder, name) = (arguments.GetValue(output)!, arguments.GetValue(head.Recipe)!);
            var hasFeedback = head.HasFeedback(arguments);
            RefuseStray(arguments, hasFeedback);
            var line = hasFeedback ? null : Line(arguments);
            var (recipe, tuning) = line is null ? FineTuneRecipes.Feedback(name)
                : FineTuneRecipes.Get(name, attention: line.Config is { } given ? given is not LinearConfig : line.Named!.Name.Kind is not ("linear" or "mlp"));
            tuning = tuning with
            {
                LayerDecay = arguments.GetValue(layerDecay) ?? tuning.LayerDecay,
                Precision = CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!),
                Recompute = arguments.GetValue(recompute),
            };
            var items = features.Items(arguments);
            using var net = backbone.Open(arguments, lastBlock: null, DType.Float32);
            var wanted = features.Request(arguments, net.Net, tuning.Precision);
            HeadConfig config;
            if (line is null)
            {
                var reader = head.Reader(arguments, wanted.T.Count, NamedHead.MapsOf(net.Net.Layout, wanted));
                feedback.RefuseBeside(arguments, reader, features.Blocks);
                var fed = feedback.Head(arguments, net.Net.Layout, reader, [.. wanted.Blocks], wanted.Class);
                (config, wanted) = (fed, wanted with { Blocks = fed.FirstPassBlocks, Pools = [0] });
            }
            else
            {
                config = line.Config ?? FineTuneRecipes.Head(name, line.Named!.Config(wanted.T.Count, NamedHead.MapsOf(net.Net.Layout, wanted), wanted.Pools[0]));
            }
            var request = new TrainHeadRequest(config,
                head.Settings(arguments, recipe, arguments.GetValue(features.Seed), choose: false) with { Accumulate = arguments.GetValue(accumulate) })
            {
                Subset = subset.Value(arguments),
                AverageLooks = arguments.GetValue(head.Average),
            };
            var result = FineTune.Run(net, items, wanted, look.Config(arguments, name), tuning, request, folder, features.Options(arguments), progress.Report, Run.Cancellation);
            progress.Dispose();
            TrainVerb.Show(result, folder, arguments.GetValue(json));
            return 0;
        });
        return verb;

        void RefuseStray(ParseResult arguments, bool hasFeedback)
        {
            head.RefuseTwice(arguments);
            if (!hasFeedback && !head.TakesPool(arguments) && arguments.GetResult(features.Pool) is { Implicit: false })
            {
                throw new ArgumentException($"{features.Pool.Name} {HeadOptions.NoPool}");
            }
            if (!arguments.GetValue(head.Average) && arguments.GetResult(features.Draws) is { Implicit: false })
            {
                throw new ArgumentException($"{features.Draws.Name} {LiveOptions.DrawsOfTests}");
            }
            if ((hasFeedback ? [head.Hidden, features.Pool] : feedback.OfHead).FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } stray)
            {
                throw new ArgumentException($"{stray.Name} is {(hasFeedback ? $"not for --head {FeedbackOptions.Kind}, which reads whole maps; --head-config FILE describes the head behind the feedback" : $"for --head {FeedbackOptions.Kind}")}");
            }
        }

        GridLine Line(ParseResult arguments)
        {
            var pool = arguments.GetResult(features.Pool) is { Implicit: false } ? FeatureOptions.Numbers("--pool", arguments.GetValue(features.Pool)!)[0] : (int?)null;
            return head.Lines(arguments, pool) is [var one] ? one : throw new ArgumentException("a net is fine-tuned with one head; give one --head");
        }
    }
}
