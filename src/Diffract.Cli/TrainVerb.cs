using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Workflows;

namespace Diffract.Cli;

static class TrainVerb
{
    public static Command Create()
    {
        var (backbone, features, head, subset, look) = (new BackboneOptions(modelRequired: false), new FeatureOptions(dataRequired: false), new HeadOptions(), new SubsetOptions(), new LiveOptions());
        var feedback = new FeedbackOptions();
        var store = new Option<string?>("--store") { Description = "Feature store to train from; instead of it --model and --data extract one first, into OUT/features", HelpName = "STORE" };
        var live = new Option<bool>("--live") { Description = "Keep no store: pictures of --data go through --model anew each epoch, with fresh noise, mirrored by chance" };
        var (output, json) = (CommonOptions.Out("Folder for head.safetensors and result.json"), CommonOptions.Json());
        var verb = new Command("train", "Train a head on features, and test it on every test picture") { store, live, output, json };
        foreach (var option in head.All.Concat(feedback.All).Concat(subset.All).Concat(look.All).Concat(backbone.All).Concat(features.All))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var folder = arguments.GetValue(output)!;
            var result = arguments.GetValue(head.Head) == FeedbackOptions.Kind ? WithFeedback(arguments, folder, progress) : arguments.GetValue(live) ? Live(arguments, folder, progress) : FromStore(arguments, folder, progress);
            progress.Dispose();
            Show(result, folder, arguments.GetValue(json));
            return 0;
        });
        return verb;

        HeadResult FromStore(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            if (look.All.FirstOrDefault(option => Given(arguments, option)) is { } stray)
            {
                throw new ArgumentException($"{stray.Name} is for --live: a store holds centre crops (and mirrored ones with --views flip)");
            }
            using var open = FeatureStore.Open(arguments.GetValue(store) ?? ExtractFirst(arguments, backbone, features, Path.Combine(folder, "features"), progress));
            var pool = Given(arguments, features.Pool) ? FeatureOptions.Numbers("--pool", arguments.GetValue(features.Pool)!)[0] : Math.Max(1, open.Request.Pools[0]);
            var request = Request(arguments, pool, (int)open.Shape(open.Request.Names.First())[0], choose: true) with
            {
                T = Given(arguments, features.T) ? FeatureOptions.Numbers("--t", arguments.GetValue(features.T)!) : null,
                Blocks = features.BlockList(arguments),
            };
            return TrainHead.Run(open, request, folder, progress.Report, Run.Cancellation);
        }

        HeadResult Live(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            if (arguments.GetValue(store) is not null)
            {
                throw new ArgumentException("--live trains from pictures: give --model and --data, not --store");
            }
            Require(arguments, backbone, features);
            var items = features.Items(arguments);
            using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
            var wanted = features.Request(arguments, net.Loaded.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
            using var source = new LiveSource(net.Backbone, items, wanted, look.Config(arguments), features.Options(arguments), net.Device);
            var request = Request(arguments, wanted.Pools[0], net.Loaded.Net.Layout.Blocks[wanted.Blocks[0] - 1].OutChannels, choose: false);
            return TrainHead.Run(source, request, folder, progress.Report, Run.Cancellation);
        }

        // What the second pass goes on from does not change while it is trained: it is read from a store, or made anew each epoch with fresh noise.
        HeadResult WithFeedback(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            var isLive = arguments.GetValue(live);
            if (arguments.GetValue(backbone.Model) is null || (arguments.GetValue(store) is null || isLive) && arguments.GetValue(features.Data) is null)
            {
                throw new ArgumentException("--head diffeed needs --model CKPT, whose second pass it runs, and --data DIR (or, without --live, a --store of first-pass maps)");
            }
            var layout = backbone.Layout(arguments);
            int[] read = features.BlockList(arguments) ?? [FeatureRequest.DefaultBlock(layout)];
            var reader = head.Config(arguments, HeadRecipes.Head(arguments.GetValue(head.Recipe)!, attention: true, pool: 1, layout.Blocks[read[0] - 1].OutChannels));
            var config = feedback.Head(arguments, layout, reader, read, arguments.GetValue(features.Class));
            using var net = backbone.Open(arguments, config.Deepest);
            net.Loaded.Net.Recompute = arguments.GetValue(feedback.Recompute);
            var recipe = head.Settings(arguments, HeadRecipes.Feedback(arguments.GetValue(head.Recipe)!), arguments.GetValue(features.Seed), choose: false);
            var request = new TrainHeadRequest(config, recipe) { Subset = subset.Value(arguments), AverageLooks = arguments.GetValue(head.Average) };
            var wanted = features.Request(arguments, net.Loaded.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!)) with { Blocks = config.FirstPassBlocks, Pools = [0] };
            if (isLive)
            {
                using var source = new LiveSource(net.Backbone, features.Items(arguments), wanted, look.Config(arguments), features.Options(arguments), net.Device);
                return TrainHead.Run(source, request, folder, progress.Report, Run.Cancellation);
            }
            var kept = arguments.GetValue(store) ?? Path.Combine(folder, "features");
            if (arguments.GetValue(store) is null)
            {
                var items = features.Items(arguments);
                feedback.CheckRoom(arguments, wanted, layout, items.Items.Count);
                Extract.Run(net.Backbone, items, wanted, kept, features.Options(arguments), net.Device, progress.Report, Run.Cancellation);
            }
            using var open = FeatureStore.Open(kept);
            return TrainHead.Run(new StoreSource(open, net.Backbone, net.Device), request, folder, progress.Report, Run.Cancellation);
        }

        TrainHeadRequest Request(ParseResult arguments, int pool, int channels, bool choose)
        {
            var (name, attention) = (arguments.GetValue(head.Recipe)!, head.IsAttention(arguments));
            var recipe = head.Settings(arguments, HeadRecipes.Get(name, attention), arguments.GetValue(features.Seed), choose);
            return new(head.Config(arguments, HeadRecipes.Head(name, attention, pool, channels)), recipe) { Subset = subset.Value(arguments), AverageLooks = arguments.GetValue(head.Average) };
        }
    }

    static bool Given(ParseResult arguments, Option option) => arguments.GetResult(option) is { Implicit: false };

    static void Require(ParseResult arguments, BackboneOptions backbone, FeatureOptions features)
    {
        if (arguments.GetValue(backbone.Model) is null || arguments.GetValue(features.Data) is null)
        {
            throw new ArgumentException("train needs --store STORE, or --model CKPT and --data DIR");
        }
    }

    static string ExtractFirst(ParseResult arguments, BackboneOptions backbone, FeatureOptions features, string folder, ConsoleProgress progress)
    {
        Require(arguments, backbone, features);
        var items = features.Items(arguments);
        using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
        var request = features.Request(arguments, net.Loaded.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
        var summary = Extract.Run(net.Backbone, items, request, folder, features.Options(arguments), net.Device, progress.Report, Run.Cancellation);
        progress.Dispose();
        ExtractVerb.Show(folder, summary, items, json: false);
        return folder;
    }

    internal static void Show(HeadResult result, string folder, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(result, JsonOutput.Options));
            return;
        }
        Console.WriteLine(result.Choice);
        if (result.Chosen is { } chosen)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"chosen: learning rate {chosen.LearningRate}, weight decay {chosen.WeightDecay} (held-out accuracy {100 * chosen.HeldOutAccuracy:f2} %)"));
        }
        foreach (var failure in result.Unreadable.Take(20))
        {
            Console.Error.WriteLine("left out: " + failure);
        }
        Console.WriteLine(Line(result.Test));
        Console.WriteLine($"head and result: {folder}");
    }

    internal static string Line(Score s) => string.Create(CultureInfo.InvariantCulture,
        $"top-1 {100 * s.Top1:f2} % ({s.Top1Hits:n0} of {s.Pictures:n0}; 95 % interval {100 * s.Low:f2} to {100 * s.High:f2}), top-5 {100 * s.Top5:f2} %");
}
