using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ModelsVerb
{
    public static Command Create()
    {
        var json = CommonOptions.Json();
        var verb = new Command("models", "List the published checkpoints that are known, and fetch one") { json, Get() };
        verb.SetAction(arguments =>
        {
            if (arguments.GetValue(json))
            {
                WriteJson();
            }
            else
            {
                WriteTable();
            }
            return 0;
        });
        return verb;
    }

    static Command Get()
    {
        var name = new Argument<string>("NAME") { Description = "As `diffract models` lists it" };
        var json = CommonOptions.Json();
        var verb = new Command("get", "Fetch a published checkpoint into the cache; --model NAME then finds it") { name, json };
        verb.SetAction(arguments =>
        {
            var wanted = arguments.GetValue(name)!;
            var model = PublishedModels.Find(wanted) ?? throw new ArgumentException($"{wanted}: no published checkpoint of that name is known; `diffract models` lists them");
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var fetched = FetchModel.Run(model, report: progress.Report, cancellation: Run.Cancellation);
            progress.Dispose();
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(fetched, JsonOutput.Options)
                : $"{(fetched.IsNew ? "fetched" : "was there")}: {fetched.Path}, SHA-256 {fetched.Sha256}{(model.Sha256 is null ? " (none published to compare)" : ", as expected")}");
            return 0;
        });
        return verb;
    }

    static void WriteTable()
    {
        var table = new TextTable("name", ">MB", "here", "trained on", "steps", "good t and blocks");
        foreach (var model in PublishedModels.All)
        {
            table.Add(model.Name, Megabytes(model), File.Exists(ModelCache.PathOf(model)) ? "yes" : "-", model.TrainedOn,
                model.Config is null ? "" : $"{model.Schedule} {model.Steps}", model.Features);
        }
        table.Write(Console.Out);
        Console.WriteLine();
        foreach (var family in PublishedModels.All.GroupBy(m => (m.Family, Folder: new Uri(m.Address, "."), m.Licence)))
        {
            Console.WriteLine($"{family.Key.Family} ({family.Key.Licence}): github.com/openai/{family.Key.Family}, files {family.Key.Folder}NAME.pt");
        }
        Console.WriteLine($"~ is reckoned from the weights. `diffract models get NAME` fetches one into {ModelCache.Folder}.");
    }

    static void WriteJson()
    {
        foreach (var model in PublishedModels.All)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                model.Name, model.Family, model.File, model.Address, model.Licence, model.TrainedOn, model.Bytes, model.Sha256, model.Schedule, model.Steps, model.TimestepScale,
                model.Features, Flags = model.Config?.ToJson(), Path = File.Exists(ModelCache.PathOf(model)) ? ModelCache.PathOf(model) : null,
            }, JsonOutput.Options));
        }
    }

    static string Megabytes(PublishedModel model)
    {
        var weights = model.Config is { } config ? 4 * UNetShapes.ParameterCount(config) : 0;
        return model.Bytes is { } bytes ? Text(bytes) : weights > 0 ? "~" + Text(weights) : "";
        static string Text(long bytes) => (bytes / 1e6).ToString("n0", CultureInfo.InvariantCulture);
    }
}
