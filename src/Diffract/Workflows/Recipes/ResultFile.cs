using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>Reads results, whatever wrote them: results.json of a recipe, result.json of a head or of neighbours, the JSON of an evaluation.</summary>
public static class ResultFile
{
    public const string Name = "results.json", Format = "diffract results 1";

    /// <param name="path">The file, or the folder that holds it.</param>
    /// <exception cref="RecipeException">There is none, it is damaged, or it holds no results.</exception>
    public static IReadOnlyList<ResultEntry> Read(string path)
    {
        var file = Directory.Exists(path) ? new[] { Name, TrainHead.ResultFile }.Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists)
            ?? throw new RecipeException($"{path}: there is no {Name} or {TrainHead.ResultFile} in it") : path;
        try
        {
            var json = JsonNode.Parse(File.ReadAllBytes(file), documentOptions: new() { MaxDepth = 32 }) as JsonObject ?? throw new FormatException("no JSON object");
            var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
            if ((string?)json["format"] == Format)
            {
                return [.. json["rows"]!.AsArray().Select(row => Entry(row!.AsObject(), folder))];
            }
            var name = Path.GetFileName(file) == TrainHead.ResultFile ? Path.GetFileName(folder) : Path.GetFileNameWithoutExtension(file);
            return [.. Single(json).Select(result => Entry(Row($"{name}{Suffix(result)}", (string?)result["features"]?["data"]?["name"], null, [(Seed(result), null, result)]), folder))];
        }
        catch (Exception cause) when (cause is JsonException or IOException or UnauthorizedAccessException or FormatException or InvalidOperationException or NullReferenceException)
        {
            throw new RecipeException($"{file}: not a result that diffract wrote, or damaged: {cause.Message}");
        }
    }

    /// <summary>The results that a result.json holds, each as a head's result.json is: {"kind", "test", "head", "features", ...}.</summary>
    internal static IEnumerable<JsonObject> Single(JsonObject json)
    {
        if (json["lines"] is JsonArray lines)
        {
            return lines.Select(line => OfNeighbours(json, line!.AsObject()));
        }
        if (json["score"] is { } score)                                                    // of `evaluate`
        {
            var whole = json.DeepClone().AsObject();
            whole["test"] = score.DeepClone();
            whole["kind"] = json["head"]!["kind"]!.DeepClone();
            whole["outcomes"] ??= "";                                                      // none: what lies in its folder is another result's
            return [whole];
        }
        return json["test"] is not null ? [json] : throw new FormatException("it has no test, lines or score");
    }

    /// <summary>A row of results.json.</summary>
    /// <param name="results">Of each seed, as <see cref="Single"/> gives them, and where its files are.</param>
    internal static JsonObject Row(string name, string? data, PaperFigure? paper, IReadOnlyList<(ulong Seed, string? Folder, JsonObject Result)> results)
    {
        var first = results[0].Result;
        var row = new JsonObject { ["name"] = name, ["data"] = data, ["kind"] = first["kind"]!.DeepClone() };
        if (paper is not null)
        {
            row["paper"] = new JsonObject { ["top1"] = paper.Top1, ["top5"] = paper.Top5 };
        }
        row["seeds"] = new JsonArray([.. results.Select(result =>
        {
            var (test, one) = (result.Result["test"]!, new JsonObject { ["seed"] = result.Seed, ["folder"] = result.Folder });
            foreach (var key in new[] { "pictures", "top1Hits", "top1", "low", "high", "top5Hits", "top5" })
            {
                one[key] = test[key]!.DeepClone();
            }
            one["chosen"] = result.Result["chosen"]?.DeepClone();
            one["choice"] = result.Result["choice"]?.DeepClone();
            return (JsonNode)one;
        })]);
        foreach (var key in new[] { "parameters", "trainPictures", "trainedOn", "averagedLooks", "testSha256", "outcomes", "noise", "t", "block", "pool", "splits", "head", "recipe", "features" })
        {
            if (first[key] is { } value) { row[key] = value.DeepClone(); }
        }
        return row;
    }

    internal static ResultEntry Entry(JsonObject row, string folder)
    {
        SeedScore[] seeds = [.. row["seeds"]!.AsArray().Select(one => new SeedScore((ulong)one!["seed"]!, (long)one["pictures"]!, (long)one["top1Hits"]!, (double)one["top1"]!, (double)one["low"]!, (double)one["high"]!,
            (long)one["top5Hits"]!, (double)one["top5"]!, one["chosen"]?.DeepClone(), (string?)one["folder"]))];
        var outcomes = Path.Combine(folder, seeds[0].Folder ?? "", Path.GetFileName((string?)row["outcomes"] ?? PictureOutcomes.File));
        return new()
        {
            Name = (string)row["name"]!,
            Data = (string?)row["data"],
            Kind = (string)row["kind"]!,
            Parameters = (long?)row["parameters"],
            TrainPictures = (long?)row["trainPictures"],
            Seeds = seeds,
            Paper = row["paper"] is { } paper ? new((double)paper["top1"]!, (double?)paper["top5"]) : null,
            Choice = (string?)row["seeds"]![0]!["choice"] ?? "",
            How = ResultFacts.Of(row["features"], row),
            OutcomesFile = File.Exists(outcomes) ? outcomes : null,
        };
    }

    static JsonObject OfNeighbours(JsonObject json, JsonObject line)
    {
        var result = json.DeepClone().AsObject();
        result.Remove("lines");
        result["test"] = line.DeepClone();
        result["outcomes"] = line["outcomes"]?.DeepClone() ?? "";                           // "": none
        foreach (var key in new[] { "t", "block", "pool" })
        {
            result[key] = line[key]!.DeepClone();
        }
        result["recipe"] = new JsonObject { ["name"] = "knn", ["k"] = line["k"]!.DeepClone(), ["votes"] = line["votes"]!.DeepClone(), ["temperature"] = json["temperature"]!.DeepClone() };
        return result;
    }

    static string Suffix(JsonObject result) => (string?)result["kind"] == "knn" ? $", t {result["t"]}, b {result["block"]}, pool {result["pool"]}, k {result["recipe"]!["k"]} {result["recipe"]!["votes"]}" : "";

    static ulong Seed(JsonObject result) => (ulong?)result["recipe"]?["seed"] ?? 0;
}
