using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>The folder of a recipe's run: of which model, pictures and rows it holds results. Those of others are not to be mixed with them.</summary>
static class RunFolder
{
    public const string RowFile = "row.json", RunFile = "run.json";

    const int Sample = 64;

    /// <exception cref="RecipeException">It holds results of another model or of other pictures.</exception>
    public static void Check(string folder, JsonObject model, IReadOnlyDictionary<string, ExtractItems> items)
    {
        var path = Path.Combine(folder, RunFile);
        JsonObject lists = new(items.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, pair.Value.ListHash()))), contents = new(items.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, SampleHash(pair.Value))));
        if (File.Exists(path))
        {
            var strange = Read(path, earlier =>
            {
                List<string> faults = [.. Other("data", lists).Select(name => $"other pictures of {name}"), .. Other("contents", contents).Select(name => $"{name} as it was: pictures have other contents now")];
                if (Backbone.Difference(earlier["model"]!, model) is var (fault, _)) { faults.Add(fault); }
                return faults;

                IEnumerable<string> Other(string key, JsonObject mine)
                {
                    var there = earlier[key]?.AsObject() ?? [];
                    string[] others = [.. mine.Where(pair => pair.Value is { } hash && there[pair.Key] is { } before && (string?)before != (string?)hash).Select(pair => pair.Key)];
                    foreach (var (name, hash) in there.Where(pair => mine[pair.Key] is null)) { mine[name] = hash?.DeepClone(); }
                    return others;
                }
            });
            if (strange.Count > 0) { throw new RecipeException($"{folder} holds results of {string.Join(" and ", strange.Distinct())}. Choose another --out, or delete it."); }
        }
        Write(path, new JsonObject { ["model"] = model.DeepClone(), ["data"] = lists, ["contents"] = contents });
    }

    /// <exception cref="RecipeException">The folder holds a row of this name that was defined otherwise.</exception>
    public static void CheckRow(string folder, RecipeJob job, Recipe recipe)
    {
        if (Differences(folder, job.Row, job.Data, recipe) is { Count: > 0 } differences)
        {
            throw new RecipeException($"{Path.Combine(folder, job.Folder)} holds this row as it was defined otherwise: {string.Join("; ", differences.Take(4).Select(text => text.Replace(" in the store", " there")))}. Choose another --out, or delete that folder.");
        }
        Directory.CreateDirectory(Path.Combine(folder, job.Folder));
        Write(Path.Combine(folder, job.Folder, RowFile), Definition(job.Row, job.Data, recipe));
    }

    /// <summary>In what a row differs from the one of its name that a folder holds; empty where it holds none.</summary>
    public static IReadOnlyList<string> Differences(string folder, RecipeRow row, RecipeData data, Recipe recipe) => Path.Combine(folder, Of(row, data, recipe), RowFile) is var path && File.Exists(path)
        ? Read(path, there =>
        {
            var mine = Definition(row, data, recipe);
            if (there["data"] is null) { mine.Remove("data"); }                            // an earlier version's
            return StoreManifest.Differences(mine, there);
        }) : [];

    /// <summary>A row's folder, relative to the run's.</summary>
    public static string Of(RecipeRow row, RecipeData data, Recipe recipe) => $"rows/{Slug.Of(row.Name)}{(recipe.Data.Count > 1 ? "/" + Slug.Of(data.Name) : "")}";

    public static string Of(RecipeJob job, ulong seed) => $"{job.Folder}/seed-{seed}";

    /// <summary>Seeds of a row whose results a folder holds.</summary>
    public static int SeedsDone(string folder, RecipeJob job, Recipe recipe) => recipe.Seeds.Count(seed => File.Exists(Path.Combine(folder, Of(job, seed), TrainHead.ResultFile)));

    /// <summary>Rows that an earlier run has finished and that are the recipe's still, with its seeds.</summary>
    public static IReadOnlyList<JsonObject> Finished(string folder, Recipe recipe)
    {
        var path = Path.Combine(folder, ResultFile.Name);
        if (!File.Exists(path))
        {
            return [];
        }
        var same = (from data in recipe.Data
                    from row in recipe.Rows
                    where File.Exists(Path.Combine(folder, Of(row, data, recipe), RowFile)) && Differences(folder, row, data, recipe).Count == 0
                    select (row.Name, data.Name)).ToHashSet();
        return Read(path, json => json["rows"]!.AsArray().Select(row => row!.AsObject())
            .Where(row => same.Contains(((string)row["name"]!, (string)row["data"]!)) && row["seeds"]!.AsArray().Select(one => (ulong)one!["seed"]!).SequenceEqual(recipe.Seeds)).ToList());
    }

    /// <summary>What a file of the run says.</summary>
    /// <exception cref="RecipeException">It is damaged.</exception>
    public static T Read<T>(string path, Func<JsonNode, T> what)
    {
        try
        {
            return what(JsonNode.Parse(File.ReadAllBytes(path)) ?? throw new FormatException("it is null"));
        }
        catch (Exception cause) when (cause is JsonException or FormatException or InvalidOperationException or NullReferenceException or ArgumentException or OverflowException)
        {
            throw new RecipeException($"{path} is damaged ({cause.Message}). Delete it, and what it held is made again; or choose another --out.");
        }
    }

    public static void Write(string path, JsonNode json) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(json, HeadResult.Json));

    static JsonObject Definition(RecipeRow row, RecipeData data, Recipe recipe)
    {
        var mine = row.Json.DeepClone().AsObject();
        mine.Remove("paper");
        mine["data"] = data.Name;
        mine["share"] = data.Share;
        if (row.Training.Subset is TrainSubset.Listed list) { mine["listSha256"] = list.Sha256; }
        if (row.Choose is not null) { mine["chosenWithSeed"] = recipe.Seeds[0]; }
        return mine;
    }

    // Of some of the pictures, evenly spread: rows that are done open none, and another copy of a set may have the same names. Null where one cannot be read, which is said where it is needed.
    static string? SampleHash(ExtractItems items)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < Math.Min(Sample, items.Items.Count); i++)
        {
            var item = items.Items[(int)((long)i * items.Items.Count / Math.Min(Sample, items.Items.Count))].Item;
            try
            {
                hash.AppendData(items.Set.ReadBytes(item));
            }
            catch (Exception cause) when (cause is PictureException or IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
