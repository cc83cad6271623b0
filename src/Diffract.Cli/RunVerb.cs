using System.CommandLine;
using System.Text.Json;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class RunVerb
{
    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "JSON file, see recipes/" };
        var model = new Option<string?>("--model") { Description = "Checkpoint instead of the recipe's", HelpName = "CKPT" };
        var config = new Option<string?>("--config") { Description = "JSON of guided-diffusion's flags, where the weights do not tell all", HelpName = "FILE" };
        var data = Pairs("--data", "Pictures: DIR, or NAME=DIR once for each data set of the recipe");
        var test = Pairs("--test", "Test pictures, where they lie elsewhere: DIR, or NAME=DIR");
        var output = new Option<string?>("--out") { Description = "Folder for results; left out: the recipe's name", HelpName = "DIR" };
        var rows = new Option<string[]>("--rows") { Description = "Names of the rows to run; left out: all", AllowMultipleArgumentsPerToken = true, HelpName = "NAME" };
        var set = new Option<string[]>("--set") { Description = "Change the recipe: train.epochs=2, or of every row that is run: rows.*.features.t=[50]", HelpName = "PATH=VALUE" };
        var limit = new Option<int?>("--limit") { Description = "At most N pictures of each split, spread evenly" };
        var dry = new Option<bool>("--dry-run") { Description = "Check all that can be checked, say pictures, multiply-adds, time and disk, and write nothing" };
        var room = new Option<double?>("--keep-limit") { Description = "GiB that features may take; left out: no limit", HelpName = "GIB" };
        var (batch, workers) = (new Option<int?>("--batch") { Description = "Pictures a pass" }, new Option<int?>("--workers") { Description = "Threads that read and decode" });
        var trust = new Option<bool>("--trust-pictures") { Description = "Take the pictures of stores that are there to be what they were, instead of reading each once to compare" };
        var (device, json) = (CommonOptions.DeviceOption(), CommonOptions.Json());
        var verb = new Command("run", "Everything that a recipe asks for: features, heads, tests, one file of results; goes on where it was") { recipe, model, config, data, test, output, rows, set, limit, room, dry, batch, workers, trust, device, json };
        verb.SetAction(arguments =>
        {
            var chosen = arguments.GetValue(rows) is { Length: > 0 } names ? names : null;
            var read = RecipeReader.Read(arguments.GetValue(recipe)!, arguments.GetValue(set), chosen);
            var request = new RunRequest
            {
                Recipe = read, Model = arguments.GetValue(model), ConfigPath = arguments.GetValue(config), Data = Named(read, data, arguments), Test = Named(read, test, arguments),
                Rows = chosen, Limit = arguments.GetValue(limit), KeepLimit = arguments.GetValue(room), Device = Device.Parse(arguments.GetValue(device)!),
                Extract = new() { BatchSize = arguments.GetValue(batch), Workers = arguments.GetValue(workers) ?? Environment.ProcessorCount, ComparePictures = !arguments.GetValue(trust) },
            };
            if (request.KeepLimit is { } most && !(most >= 0)) { throw new ArgumentException($"--keep-limit {most}: expected GiB, 0 or more"); }
            var folder = arguments.GetValue(output) ?? read.Name;
            if (arguments.GetValue(dry))
            {
                var estimate = RecipeEstimate.Of(request);
                Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(new { read.Name, estimate.MultiplyAdds, estimate.Seconds, machine = estimate.Machine.Name, estimate.DiskBytes, estimate.Notes, done = estimate.Done(folder) }, JsonOutput.Options)
                    : string.Join('\n', new[] { estimate.Text(), estimate.Done(folder) }.OfType<string>()));
                return 0;
            }
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var comparison = RunRecipe.Run(request, folder, progress.Report, Run.Cancellation);
            progress.Dispose();
            Console.WriteLine(arguments.GetValue(json) ? File.ReadAllText(Path.Combine(folder, ResultFile.Name)) : $"{comparison.Text()}\n\n{Path.Combine(folder, ResultFile.Name)}, {RunRecipe.MarkdownFile}, {RunRecipe.PageFile}");
            return 0;
        });
        return verb;
    }

    static Option<string[]> Pairs(string name, string description) => new(name) { Description = description, HelpName = "[NAME=]DIR" };

    // "DIR" where the recipe has one data set, else "NAME=DIR".
    static Dictionary<string, string> Named(Recipe recipe, Option<string[]> option, ParseResult arguments)
    {
        var named = new Dictionary<string, string>();
        foreach (var text in arguments.GetValue(option) ?? [])
        {
            var data = recipe.Data.FirstOrDefault(one => text.StartsWith(one.Name + "=", StringComparison.Ordinal));
            if (data is null && recipe.Data.Count > 1)
            {
                throw new ArgumentException($"{option.Name} {text}: expected NAME=DIR with one of {string.Join(", ", recipe.Data.Select(one => $"'{one.Name}'"))}");
            }
            if (!named.TryAdd(data?.Name ?? recipe.Data[0].Name, data is null ? text : text[(data.Name.Length + 1)..]))
            {
                throw new ArgumentException($"{option.Name} {text}: '{data?.Name ?? recipe.Data[0].Name}' is given twice");
            }
        }
        return named;
    }
}
