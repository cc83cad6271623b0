using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Torch;

namespace Diffract.Features;

/// <summary>manifest.json of a feature store: everything needed to make it again, and where its rows are.</summary>
public sealed record StoreManifest
{
    public const string File = "manifest.json", RowsFile = "rows.jsonl", Format = "diffract features 1";

    /// <summary>Model, data and request; two stores with equal "how" hold equal features.</summary>
    public required JsonObject How { get; init; }
    public required IReadOnlyList<string> ClassNames { get; init; }
    /// <summary>How the test pictures were chosen.</summary>
    public required string Splits { get; init; }
    /// <summary>Pictures that a shard covers, those that failed included.</summary>
    public required int ShardPictures { get; init; }
    /// <summary>Pictures in all, those that failed included.</summary>
    public required int Pictures { get; init; }
    /// <summary>Pictures that could not be read: path and why; known when complete.</summary>
    public IReadOnlyList<(string Path, string Error)> Failures { get; init; } = [];
    public bool Complete { get; init; }

    public int Shards => (Pictures + ShardPictures - 1) / ShardPictures;

    public FeatureRequest Request => FeatureRequest.FromJson(How["features"]!);

    public static string ShardName(int shard) => $"shard-{shard:d5}.safetensors";

    public void Write(string folder)
    {
        var json = new JsonObject
        {
            ["format"] = Format,
            ["complete"] = Complete,
            ["pictures"] = Pictures,
            ["rows"] = Complete ? Pictures - Failures.Count : null,
            ["shardPictures"] = ShardPictures,
            ["rowsFile"] = RowsFile,
            ["splits"] = Splits,
            ["classNames"] = new JsonArray([.. ClassNames.Select(name => (JsonNode)name)]),
            ["failures"] = new JsonArray([.. Failures.Select(f => (JsonNode)new JsonObject { ["file"] = f.Path, ["error"] = f.Error })]),
            ["how"] = How.DeepClone(),
        };
        AtomicFile.Write(Path.Combine(folder, File), JsonSerializer.SerializeToUtf8Bytes(json, new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <exception cref="FeatureStoreException">There is none, or it is damaged.</exception>
    public static StoreManifest Read(string folder)
    {
        var path = Path.Combine(folder, File);
        if (!System.IO.File.Exists(path))
        {
            throw new FeatureStoreException($"{folder} is not a feature store: {(Directory.Exists(folder) ? $"it has no {File}" : "there is no such folder")}. Make one with `diffract extract --out {folder}`.");
        }
        try
        {
            var json = JsonNode.Parse(System.IO.File.ReadAllBytes(path), documentOptions: new JsonDocumentOptions { MaxDepth = 32 })!;
            if ((string?)json["format"] != Format)
            {
                throw new FeatureStoreException($"{path}: its format is '{json["format"]}', this program reads '{Format}'");
            }
            var manifest = new StoreManifest
            {
                How = json["how"]!.DeepClone().AsObject(),
                ClassNames = [.. json["classNames"]!.AsArray().Select(name => (string)name!)],
                Splits = (string)json["splits"]!,
                ShardPictures = (int)json["shardPictures"]!,
                Pictures = (int)json["pictures"]!,
                Failures = [.. json["failures"]!.AsArray().Select(f => ((string)f!["file"]!, (string)f["error"]!))],
                Complete = (bool)json["complete"]!,
            };
            _ = manifest.Request;
            return manifest is { ShardPictures: > 0, Pictures: > 0 } ? manifest : throw new FormatException("counts below 1");
        }
        catch (Exception exception) when (exception is JsonException or NullReferenceException or FormatException or InvalidOperationException or OverflowException)
        {
            throw new FeatureStoreException($"{path} is damaged ({exception.Message}); delete the folder and extract again");
        }
    }

    /// <summary>What differs between two accounts of how, one line each; empty where they agree.</summary>
    public static IReadOnlyList<string> Differences(JsonNode? mine, JsonNode? other, string at = "")
    {
        if (mine is JsonObject a && other is JsonObject b)
        {
            return [.. a.Select(pair => pair.Key).Union(b.Select(pair => pair.Key)).SelectMany(key => Differences(a[key], b[key], at.Length == 0 ? key : $"{at}.{key}"))];
        }
        return JsonNode.DeepEquals(mine, other) ? [] : [$"{at}: {Shown(other)} in the store, {Shown(mine)} asked for"];
    }

    /// <summary>A failure for people, its picture named once.</summary>
    public static string Named(string path, string error) => error.Contains(path, StringComparison.Ordinal) ? error : $"{path}: {error}";

    static string Shown(JsonNode? node) => node is null ? "nothing" : node.ToJsonString() is { Length: > 80 } text ? text[..77] + "..." : node.ToJsonString();
}

/// <summary>A feature store cannot be used as asked; the message says what differs and what to do.</summary>
public sealed class FeatureStoreException(string message) : Exception(message);
