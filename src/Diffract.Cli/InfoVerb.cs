using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class InfoVerb
{
    public static Command Create()
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "A file of weights (FILE#ema for one of several state dicts in it), the name of a fetched checkpoint, or a folder with features or results" };
        var (config, json) = (new BackboneOptions().Config, CommonOptions.Json());
        var verb = new Command("info", "Say what a file of weights or a folder of features or results is; of a U-Net, list the blocks with their cost") { checkpoint, config, json };
        verb.SetAction(arguments =>
        {
            var (path, group) = UNetLoader.Split(arguments.GetValue(checkpoint)!);
            if (Directory.Exists(path))
            {
                return HoldsResults(path) ? WriteResults(path, arguments.GetValue(json)) : WriteStore(path, arguments.GetValue(json));
            }
            using var file = CheckpointFile.Open(ModelCache.Resolve(path));
            var (weights, trouble) = Weights(file, group);
            var kind = CheckpointKind.Of([.. weights.Keys], file.Metadata);
            var net = kind.Family == CheckpointFamily.UNet ? InspectModel.Summarise(UNetRecognizer.Recognise(file, weights, arguments.GetValue(config))) : null;
            if (arguments.GetValue(json))
            {
                WriteJson(file, kind, net);
                return 0;
            }
            WriteFile(file, kind, weights, trouble);
            if (net is not null)
            {
                WriteNet(net);
            }
            else
            {
                WriteTensors(file, weights);
            }
            return 0;
        });
        return verb;
    }

    // All tensors, and why, where it cannot be told which of them are the weights.
    static (IReadOnlyDictionary<string, StoredTensor> Weights, string? Trouble) Weights(CheckpointFile file, string? group)
    {
        try
        {
            return (UNetLoader.Weights(file, group), null);
        }
        catch (CheckpointException exception) when (group is null)
        {
            return (file.Tensors, exception.Message);
        }
    }

    static bool HoldsResults(string folder) => !File.Exists(Path.Combine(folder, StoreManifest.File)) && ((string[])[ResultFile.Name, TrainHead.ResultFile]).Any(name => File.Exists(Path.Combine(folder, name)));

    static int WriteResults(string folder, bool json)
    {
        var results = Comparison.Of([.. ResultFile.Read(folder)]);
        Console.WriteLine(json ? JsonSerializer.Serialize(results, JsonOutput.Options) : results.Text());
        return 0;
    }

    static int WriteStore(string folder, bool json)
    {
        var store = StoreManifest.Read(folder);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { Store = folder, store.Complete, store.Pictures, Failures = store.Failures.Count, Classes = store.ClassNames, store.Shards, store.How }, JsonOutput.Options));
            return 0;
        }
        Console.WriteLine(Text($"{folder}: a feature store, {(store.Complete ? "complete" : "not finished")}: {store.Pictures:n0} pictures of {store.ClassNames.Count} classes in {store.Shards} shards"));
        Console.WriteLine(store.How.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        return 0;
    }

    static void WriteFile(CheckpointFile file, CheckpointKind kind, IReadOnlyDictionary<string, StoredTensor> weights, string? trouble)
    {
        var types = string.Join(", ", weights.Values.GroupBy(t => t.DType).OrderByDescending(g => g.Count()).Select(g => g.Key.ToString().ToLowerInvariant()));
        Console.WriteLine($"{file.Path}: {kind.Description}");
        Console.WriteLine(Text($"{weights.Count} tensors, {weights.Values.Sum(t => t.Count):n0} values, {types}; {file.Format} file of {file.Length:n0} bytes"));
        if (trouble is not null)
        {
            Console.WriteLine($"note: {trouble}");
        }
    }

    static void WriteNet(ModelSummary net)
    {
        Console.WriteLine(Text($"{net.Net.Description}"));
        Console.WriteLine(Text($"{net.Parameters:n0} parameters, {Giga(net.MultiplyAdds, net)} G multiply-adds a picture; {net.Net.Schedule} noise schedule of {net.Net.Steps} steps"));
        if (net.Net.TimestepScale != 1)
        {
            Console.WriteLine(Text($"the net is given the step times {net.Net.TimestepScale}"));
        }
        foreach (var assumption in net.Net.Assumptions)
        {
            Console.WriteLine($"note: {assumption}");
        }
        if (net.Net.Assumptions.Count > 0)
        {
            Console.WriteLine($"note: {ModelNotes.Advice}");
        }
        Console.WriteLine();
        var table = new TextTable(">b", "module", "layers", ">channels", ">size", ">G multiply-adds", ">running %", ">M weights", ">running M");
        foreach (var b in net.Blocks)
        {
            table.Add(Text($"{b.B}"), b.Module, b.Layers, Text($"{b.Channels}"), Text($"{b.Size}"), Giga(b.MultiplyAdds, net), Text($"{100 * b.RunningShare:f1}"),
                Text($"{b.Weights / 1e6:f2}"), Text($"{b.RunningWeights / 1e6:f2}"));
        }
        table.Add("", "out", "", "", "", Giga(net.MultiplyAdds - net.Blocks.Sum(b => b.MultiplyAdds), net), "100.0", Text($"{net.OutputWeights / 1e6:f2}"), Text($"{net.Parameters / 1e6:f2}"));
        table.Write(Console.Out);
        Console.WriteLine();
        Console.WriteLine(Text($"Running: what a pass that stops after this block takes, the {net.EmbeddingWeights / 1e6:f2} M weights of the embedding with it."));
        WriteFeedback(net);
    }

    static void WriteFeedback(ModelSummary net)
    {
        Console.WriteLine();
        Console.WriteLine("Feedback from decoder to encoder (train --head diffeed --feedback STRATEGY):");
        var table = new TextTable("strategy", "from block-to block", ">parameters");
        foreach (var feedback in net.Feedback)
        {
            table.Add(feedback.Strategy, string.Join(" ", feedback.Pairs), Text($"{feedback.Parameters:n0}"));
        }
        table.Write(Console.Out);
        foreach (var feedback in net.Feedback)
        {
            foreach (var note in feedback.Notes)
            {
                Console.WriteLine($"note: {feedback.Strategy}: {note}");
            }
        }
    }

    static void WriteTensors(CheckpointFile file, IReadOnlyDictionary<string, StoredTensor> weights)
    {
        foreach (var (key, value) in file.Metadata)
        {
            Console.WriteLine($"{CheckpointException.Plain(key)}: {CheckpointException.Plain(value, 400)}");
        }
        var table = new TextTable("tensor", "type", "shape");
        foreach (var (name, tensor) in weights)
        {
            table.Add(CheckpointException.Plain(name), tensor.DType.ToString().ToLowerInvariant(), $"({string.Join(", ", tensor.Shape)})");
        }
        Console.WriteLine();
        table.Write(Console.Out);
    }

    static void WriteJson(CheckpointFile file, CheckpointKind kind, ModelSummary? net) => Console.WriteLine(JsonSerializer.Serialize(new
    {
        file.Path, Family = kind.Family.ToString(), kind.Description, Bytes = file.Length, Format = file.Format.ToString(), file.Metadata,
        Tensors = file.Tensors.Count, Types = file.Tensors.Values.Select(t => t.DType.ToString()).Distinct(),
        Net = net is null ? null : new
        {
            net.Net.Description, Flags = net.Net.Config.ToJson(), net.Net.Schedule, net.Net.Steps, net.Net.TimestepScale, net.Net.Assumptions, Published = net.Net.Published?.Name,
            net.Parameters, net.EmbeddingWeights, net.OutputWeights, net.MultiplyAdds, net.Blocks, net.Feedback,
        },
        Names = net is null ? file.Tensors.ToDictionary(p => p.Key, p => p.Value.Shape) : null,
    }, JsonOutput.Options));

    static string Giga(long count, ModelSummary net) => (count / 1e9).ToString(net.MultiplyAdds > 10_000_000_000 ? "f2" : "f4", CultureInfo.InvariantCulture);

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
