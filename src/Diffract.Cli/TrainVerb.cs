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
        var store = new Option<string?>("--store") { Description = "Feature store to train from; instead of it --model and --data extract one first, into OUT/features", HelpName = "STORE" };
        var live = new Option<bool>("--live") { Description = "Keep no store: pictures of --data go through --model anew each epoch, with fresh noise, mirrored by chance" };
        var (output, json) = (CommonOptions.Out("Folder for head.safetensors and result.json"), CommonOptions.Json());
        var verb = new Command("train", "Train a head on features, and test it on every test picture") { store, live, output, json };
        foreach (var option in head.All.Concat(subset.All).Concat(look.All).Concat(backbone.All).Concat(features.All))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var folder = arguments.GetValue(output)!;
            var result = arguments.GetValue(live) ? Live(arguments, folder, progress) : FromStore(arguments, folder, progress);
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
