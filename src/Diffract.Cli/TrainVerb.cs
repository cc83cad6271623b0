using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

static class TrainVerb
{
    public static Command Create()
    {
        var (backbone, features) = (new BackboneOptions(modelRequired: false), new FeatureOptions(dataRequired: false));
        var store = new Option<string?>("--store") { Description = "Feature store to train from; instead of it --model and --data extract one first, into OUT/features", HelpName = "STORE" };
        var head = new Option<string>("--head") { Description = "linear, mlp or attention", DefaultValueFactory = _ => "linear" };
        var hidden = new Option<string?>("--hidden") { Description = "Widths of an MLP's hidden layers, such as 4096,2048", HelpName = "LIST" };
        var recipe = new Option<string>("--recipe") { Description = string.Join(", ", HeadRecipes.Names), DefaultValueFactory = _ => "default" };
        var headConfig = new Option<string?>("--head-config") { Description = "The head as JSON instead of the recipe's", HelpName = "FILE" };
        var (epochs, batchSize) = (new Option<int?>("--epochs") { Description = "Instead of the recipe's" }, new Option<int?>("--train-batch") { Description = "Instead of the recipe's" });
        var (rates, decays) = (new Option<string?>("--lr") { Description = "Learning rates to choose among, instead of the recipe's", HelpName = "LIST" }, new Option<string?>("--decay") { Description = "Weight decays to choose among", HelpName = "LIST" });
        var perClass = new Option<int?>("--per-class") { Description = "Train on N pictures a class, chosen by the seed" };
        var average = new Option<bool>("--average") { Description = "Test with logits averaged over the store's draws and views" };
        var (output, json) = (CommonOptions.Out("Folder for head.safetensors and result.json"), CommonOptions.Json());
        var verb = new Command("train", "Train a head on features, and test it on every test picture") { store, head, hidden, recipe, headConfig, epochs, batchSize, rates, decays, perClass, average, output, json };
        foreach (var option in backbone.All.Concat(features.All))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var folder = arguments.GetValue(output)!;
            using var open = FeatureStore.Open(arguments.GetValue(store) ?? ExtractFirst(arguments, backbone, features, Path.Combine(folder, "features"), progress));
            var (kind, name) = (arguments.GetValue(head)!, arguments.GetValue(recipe)!);
            var attention = kind switch { "linear" or "mlp" => false, "attention" => true, _ => throw new ArgumentException($"--head {kind}: expected linear, mlp or attention") };
            var settings = HeadRecipes.Get(name, attention);
            settings = settings with
            {
                Epochs = arguments.GetValue(epochs) ?? settings.Epochs,
                BatchSize = arguments.GetValue(batchSize) ?? settings.BatchSize,
                LearningRates = arguments.GetValue(rates) is { } r ? Reals("--lr", r) : settings.LearningRates,
                WeightDecays = arguments.GetValue(decays) is { } d ? Reals("--decay", d) : settings.WeightDecays,
                Seed = arguments.GetValue(features.Seed),
            };
            bool Given(Option option) => arguments.GetResult(option) is { Implicit: false };
            var request = new TrainHeadRequest(Config(arguments, open, kind, name), settings)
            {
                T = Given(features.T) ? FeatureOptions.Numbers("--t", arguments.GetValue(features.T)!) : null,
                Blocks = features.BlockList(arguments),
                PerClass = arguments.GetValue(perClass),
                AverageLooks = arguments.GetValue(average),
            };
            var result = TrainHead.Run(open, request, folder, progress.Report, Run.Cancellation);
            progress.Dispose();
            Show(result, folder, arguments.GetValue(json));
            return 0;
        });
        return verb;

        HeadConfig Config(ParseResult arguments, FeatureStore open, string kind, string name)
        {
            if (arguments.GetValue(headConfig) is { } file)
            {
                using var document = JsonDocument.Parse(File.ReadAllText(file));
                return HeadConfig.Parse(document.RootElement, file);
            }
            var pool = arguments.GetResult(features.Pool) is { Implicit: false } ? FeatureOptions.Numbers("--pool", arguments.GetValue(features.Pool)!)[0] : Math.Max(1, open.Request.Pools[0]);
            var config = HeadRecipes.Head(name, kind == "attention", pool, (int)open.Shape(open.Request.Names.First())[0]);
            return kind != "mlp" ? config : config is LinearConfig linear && arguments.GetValue(hidden) is { } widths ? linear with { Hidden = FeatureOptions.Numbers("--hidden", widths, ascending: false) }
                : throw new ArgumentException("--head mlp needs --hidden, such as --hidden 4096,2048");
        }
    }

    static string ExtractFirst(ParseResult arguments, BackboneOptions backbone, FeatureOptions features, string folder, ConsoleProgress progress)
    {
        if (arguments.GetValue(backbone.Model) is null || arguments.GetValue(features.Data) is null)
        {
            throw new ArgumentException("train needs --store STORE, or --model CKPT and --data DIR to extract one first");
        }
        var items = features.Items(arguments);
        using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
        var request = features.Request(arguments, net.Loaded.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
        var summary = Extract.Run(net.Backbone, items, request, folder, features.Options(arguments), net.Device, progress.Report, Run.Cancellation);
        progress.Dispose();
        ExtractVerb.Show(folder, summary, items, json: false);
        return folder;
    }

    static void Show(HeadResult result, string folder, bool json)
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
        Console.WriteLine(Line(result.Test));
        Console.WriteLine($"head and result: {folder}");
    }

    internal static string Line(Score s) => string.Create(CultureInfo.InvariantCulture,
        $"top-1 {100 * s.Top1:f2} % ({s.Top1Hits:n0} of {s.Pictures:n0}; 95 % interval {100 * s.Low:f2} to {100 * s.High:f2}), top-5 {100 * s.Top5:f2} %");

    static double[] Reals(string option, string text) => [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new ArgumentException($"{option} {text}: '{part}' is not a number of at least 0"))];
}
