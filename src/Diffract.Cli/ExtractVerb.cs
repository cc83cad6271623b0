using System.CommandLine;
using System.Text.Json;
using Diffract.Features;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ExtractVerb
{
    public static Command Create()
    {
        var (backbone, features) = (new BackboneOptions(modelRequired: false), new FeatureOptions(dataRequired: false));
        var (output, json) = (CommonOptions.Out("Folder of the feature store"), CommonOptions.Json());
        var dry = new Option<bool>("--dry-run") { Description = "Say pictures, time, disk and memory from a short measurement, and write nothing" };
        var pixels = new Option<int?>("--pixels") { Description = "No model: the pictures themselves at this side, the baseline of every representation", HelpName = "SIDE" };
        var verb = new Command("extract", "Pictures to features: noise, one pass to the deepest block, pooled maps in a store") { output, pixels, dry, json };
        foreach (var option in backbone.All.Concat(features.All))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            features.RefuseInto(arguments, arguments.GetValue(output)!);
            if (arguments.GetValue(pixels) is { } side)
            {
                Refuse(arguments, [.. backbone.All, .. features.OfNets, dry]);
                var pictures = features.Items(arguments);
                using var shown = new ConsoleProgress(arguments.GetValue(json));
                var written = PixelStore.Write(pictures, side, arguments.GetValue(output)!, features.Options(arguments), shown.Report, Run.Cancellation);
                Show(arguments.GetValue(output)!, written, pictures, arguments.GetValue(json));
                return 0;
            }
            var precision = CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!);
            var items = features.Items(arguments);
            if (arguments.GetValue(backbone.Model) is null)
            {
                throw new ArgumentException("extract needs --model CKPT (or --pixels SIDE, for a baseline without a net)");
            }
            using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
            var request = features.Request(arguments, net.Net, precision);
            if (arguments.GetValue(dry))
            {
                if (Extract.Held(net, items, request, arguments.GetValue(output)!, features.Options(arguments), cancellation: Run.Cancellation) is { } held)
                {
                    Show(arguments.GetValue(output)!, held, items, arguments.GetValue(json));
                    return 0;
                }
                Console.WriteLine(ExtractEstimate.Measure(net, items, request, features.Options(arguments)).ToString(arguments.GetValue(json)));
                return 0;
            }
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var summary = Extract.Run(net, items, request, arguments.GetValue(output)!, features.Options(arguments), progress.Report, Run.Cancellation);
            Show(arguments.GetValue(output)!, summary, items, arguments.GetValue(json));
            return 0;
        });
        return verb;
    }

    static void Refuse(ParseResult arguments, IEnumerable<Option> options)
    {
        string[] given = [.. options.Where(option => arguments.GetResult(option) is { Implicit: false }).Select(option => option.Name)];
        if (given.Length > 0)
        {
            throw new ArgumentException($"extract --pixels keeps the pictures themselves and does not use {string.Join(", ", given)}; leave {(given.Length == 1 ? "it" : "them")} out");
        }
    }

    internal static void Show(string folder, ExtractSummary summary, ExtractItems items, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { store = folder, summary.Rows, failures = summary.Manifest.Failures.Count, summary.AlreadyThere, summary.Remade }, JsonOutput.Options));
            return;
        }
        foreach (var warning in items.Set.Warnings)
        {
            Console.Error.WriteLine("note: " + warning);
        }
        Console.WriteLine(summary.AlreadyThere ? $"{folder} already holds this: {summary.Rows:n0} rows; nothing was done" : $"{summary.Rows:n0} rows in {folder}. {summary.Manifest.Splits}");
        if (summary.Remade.Count > 0)
        {
            Console.WriteLine($"made again, since missing or damaged: {string.Join(", ", summary.Remade)}");
        }
        foreach (var (path, error) in summary.Manifest.Failures.Take(20))
        {
            Console.Error.WriteLine($"left out: {StoreManifest.Named(path, error)}");
        }
        if (summary.Manifest.Failures.Count > 0)
        {
            Console.WriteLine($"{summary.Manifest.Failures.Count:n0} pictures could not be read; all are listed in {Path.Combine(folder, StoreManifest.File)}");
        }
    }
}
