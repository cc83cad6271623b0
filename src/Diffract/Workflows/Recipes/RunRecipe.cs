using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// All rows of a recipe: features are extracted once for all rows that read them, choices are made on held-out training pictures, each row is trained and
/// tested for each seed, and one results.json holds what came out. What an earlier run finished is not done again, and the files end with the same bytes.
/// </summary>
public static class RunRecipe
{
    public const string MarkdownFile = "results.md", PageFile = "results.html";

    /// <param name="folder">Receives results.json, results.md, results.html, rows/ and features/.</param>
    /// <returns>The table.</returns>
    /// <exception cref="RecipeException">A row cannot be run, data are missing, or the folder holds another run; all faults of a kind are named together.</exception>
    public static Comparison Run(RunRequest request, string folder, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var recipe = request.Recipe;
        var layout = request.Layout(out _);
        var model = Model(request);                                                        // says what to do where the checkpoint is not there
        var items = Items(request);
        var plan = RecipePlan.Make(recipe, layout, Counts(recipe, items), request.Rows);
        CheckRoom(request, plan);
        CheckSteps(plan, request.Steps());
        using var claim = OutputFolder.Claim(folder);
        RunFolder.Check(folder, model, items);
        foreach (var job in plan.Jobs)
        {
            RunFolder.CheckRow(folder, job, recipe);
        }

        var runner = new RowRunner(request, plan, items, folder, cancellation);
        var (rows, before) = (new List<JsonObject>(), RunFolder.Finished(folder, recipe));
        foreach (var (i, job) in plan.Jobs.Index())
        {
            Action<Progress>? tell = report is null ? null : progress => report(progress with { Activity = $"{i + 1} of {plan.Jobs.Count}, {job.Row.Name}: {progress.Activity}" });
            var choice = runner.Choose(job, recipe.Seeds[0], tell);
            var results = recipe.Seeds.Select(seed => (seed, Folder: RunFolder.Of(job, seed))).Select(one => (one.seed, (string?)one.Folder, runner.Run(job, one.seed, choice, one.Folder, tell))).ToList();
            var row = ResultFile.Row(job.Row.Name, job.Data.Name, job.Row.Paper.GetValueOrDefault(job.Data.Name), results);
            row["chosen"] = choice?.ToJson();
            rows.Add(row);
            Write(folder, recipe, model, plan, [.. rows, .. before.Where(old => !rows.Any(now => Key(now) == Key(old)))], isComplete: i == plan.Jobs.Count - 1);
        }
        return Report(folder, recipe);
    }

    /// <summary>The pictures of each data set that was given.</summary>
    /// <exception cref="RecipeException">None was given, or one is not the recipe's.</exception>
    internal static IReadOnlyDictionary<string, ExtractItems> Items(RunRequest request)
    {
        var names = string.Join(", ", request.Recipe.Data.Select(data => $"'{data.Name}'"));
        if (request.Data.Keys.Concat(request.Test.Keys).FirstOrDefault(name => request.Recipe.Data.All(data => data.Name != name)) is { } strange)
        {
            throw new RecipeException($"'{strange}' is no data set of recipe '{request.Recipe.Name}'; it has {names}");
        }
        if (request.Data.Count == 0)
        {
            throw new RecipeException($"recipe '{request.Recipe.Name}' needs pictures of {names}: give {(request.Recipe.Data.Count == 1 ? "--data DIR" : "--data NAME=DIR, once for each set")}");
        }
        return request.Recipe.Data.Where(data => request.Data.ContainsKey(data.Name)).ToDictionary(data => data.Name, data => request.Items(data)!);
    }

    internal static IReadOnlyDictionary<string, RecipePictures> Counts(Recipe recipe, IReadOnlyDictionary<string, ExtractItems> items) => items.ToDictionary(pair => pair.Key, pair =>
    {
        var share = recipe.Data.First(data => data.Name == pair.Key).Share ?? 1;
        long Count(Data.PictureSplit split) => pair.Value.Of(split).Count();
        return new RecipePictures(pair.Value.Set.ClassNames.Count, (long)(Count(Data.PictureSplit.Train) * share), Count(Data.PictureSplit.Test)) { Validation = share < 1 ? 0 : Count(Data.PictureSplit.Validation) };
    });

    /// <summary>Where the pictures are not as many as the recipe says.</summary>
    internal static IEnumerable<string> Surprises(Recipe recipe, IReadOnlyDictionary<string, RecipePictures> counts)
    {
        foreach (var data in recipe.Data.Where(data => counts.ContainsKey(data.Name)))
        {
            var found = counts[data.Name];
            if (data.Classes is { } classes && classes != found.Classes || data.Train is { } train && train != found.Train || data.Test is { } test && test != found.Test)
            {
                yield return FormattableString.Invariant($"{data.Name}: {found.Train:n0} training and {found.Test:n0} test pictures of {found.Classes:n0} classes; the recipe's source has {data.Train:n0}, {data.Test:n0} and {data.Classes:n0}.");
            }
        }
    }

    static JsonObject Model(RunRequest request)
    {
        var (path, group) = UNetLoader.Split(request.ModelName);
        using var file = CheckpointFile.Open(ModelCache.Resolve(path));
        var net = UNetRecognizer.Recognise(file, UNetLoader.Weights(file, group), request.ConfigPath);
        return Backbone.Facts(Path.GetFileName(file.Path), file.Sha256, net.Config, net.Schedule, UNetLoader.StateDictOf(file, group));
    }

    // Before anything is extracted.
    static void CheckRoom(RunRequest request, RecipePlan plan)
    {
        if (request.KeepLimit is { } limit && plan.KeptBytes > limit * (1L << 30))
        {
            throw new RecipeException(FormattableString.Invariant($"features of recipe '{plan.Recipe.Name}' would take {ExtractEstimate.Size(plan.KeptBytes)}, more than --keep-limit {limit} GiB: ")
                + $"{string.Join("; ", plan.Stores.Select(store => (Store: store, Bytes: store.PicturesOf(plan.Pictures[store.Data.Name]) * store.Bytes(plan.Layout))).OrderByDescending(one => one.Bytes).Take(3).Select(one => $"t {string.Join(",", one.Store.Request.T)}, blocks {string.Join(",", one.Store.Request.Blocks)} of {one.Store.Data.Name} {ExtractEstimate.Size(one.Bytes)}"))}. "
                + "Run some rows (--rows), take fewer pictures (--limit), let rows draw noise afresh (--set features.noise=fresh), which keeps nothing, or give a larger limit.");
        }
    }

    // Or a row that chooses among steps would come to one that is none only after it has tried those before.
    static void CheckSteps(RecipePlan plan, int steps)
    {
        var beyond = plan.Jobs.SelectMany(job => job.Row.Settings(plan.Layout).SelectMany(setting => setting.Use.T).Where(t => t >= steps).Select(t => $"row '{job.Row.Name}': t {t}")).Distinct().ToList();
        if (beyond.Count > 0) { throw new RecipeException($"recipe '{plan.Recipe.Name}': {string.Join("; ", beyond)}: expected steps of 0 to {steps - 1}, of this checkpoint's noise schedule"); }
    }

    static void Write(string folder, Recipe recipe, JsonObject model, RecipePlan plan, IReadOnlyList<JsonObject> rows, bool isComplete) => RunFolder.Write(Path.Combine(folder, ResultFile.Name), new JsonObject
    {
        ["format"] = ResultFile.Format,
        ["complete"] = isComplete,
        ["recipe"] = recipe.Name,
        ["about"] = recipe.About,
        ["source"] = recipe.Source,
        ["protocol"] = "All choices (learning rate, weight decay, epochs, steps, blocks, pools) were made on a validation part or on held-out training pictures; the test pictures were used once for each row and seed, after all choices of that row.",
        ["model"] = model.DeepClone(),
        ["notes"] = new JsonArray([.. Surprises(recipe, plan.Pictures).Select(note => (JsonNode)note)]),
        ["rows"] = new JsonArray([.. Ordered(recipe, rows).Select(row => row.DeepClone())]),
        ["definition"] = recipe.Json.DeepClone(),
    });

    // Set by set, as the recipe has them.
    static IEnumerable<JsonObject> Ordered(Recipe recipe, IReadOnlyList<JsonObject> rows) =>
        from data in recipe.Data from row in recipe.Rows from one in rows where Key(one) == (row.Name, data.Name) select one;

    static (string?, string?) Key(JsonObject row) => ((string?)row["name"], (string?)row["data"]);

    static Comparison Report(string folder, Recipe recipe)
    {
        var path = Path.Combine(folder, ResultFile.Name);
        var comparison = Comparison.Of(ResultFile.Read(path));
        var json = JsonNode.Parse(File.ReadAllBytes(path))!;
        string[] about = [recipe.About + (recipe.Source is { } source ? $" ({source})" : ""), (string)json["protocol"]!, .. Choices(json), .. json["notes"]!.AsArray().Select(note => (string)note!)];
        AtomicFile.Write(Path.Combine(folder, MarkdownFile), Encoding.UTF8.GetBytes(comparison.Markdown(recipe.Name, about)));
        comparison.Page(recipe.Name, about).Save(Path.Combine(folder, PageFile));
        return comparison;
    }

    // What rows have chosen, for people.
    static IEnumerable<string> Choices(JsonNode json) => json["rows"]!.AsArray().Where(row => row!["chosen"] is not null).Select(row => $"{(string)row!["name"]!}: {(string)row["chosen"]!["choice"]!}");
}
