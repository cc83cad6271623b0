using System.Globalization;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>How a result was made, as facts that can be compared one by one.</summary>
static class ResultFacts
{
    // Before the name of a setting that only heads of one kind have.
    const string OfHead = "head's ";

    // Parts of a head that other facts tell, or that are the same wherever the pictures and the net are.
    static readonly HashSet<string> Told = ["kind", "ts", "blocks", "classes", "pool", "tokens", "batchNorm", "feedback", "reader", "readBlocks", "firstReadBlocks", "net", "class"];

    /// <param name="features">"how" of the store.</param> <param name="result">Of result.json: head, recipe, trainPictures, testSha256, averagedLooks.</param>
    public static SortedDictionary<string, string> Of(JsonNode? features, JsonNode result)
    {
        var facts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        void Add(string name, JsonNode? value)
        {
            if (value is not null) { facts[name] = value is JsonArray list ? string.Join(",", list.Select(Text)) : Text(value); }
        }
        var (request, head) = (features?["features"], result["head"]);
        Add("model", features?["model"] is { } model ? $"{model["name"]} {Short(model["sha256"])}" : null);
        Add("pictures", features?["data"] is { } data ? Short(data["listSha256"]) : null);
        Add("preprocessing", features?["preprocessing"]);
        foreach (var (key, name) in new[] { ("draws", "draws"), ("views", "views"), ("height", "height"), ("width", "width"), ("precision", "precision"), ("storedAs", "stored as"), ("seed", "noise seed"), ("class", "class told"), ("exif", "EXIF") })
        {
            Add(name, request?[key]);
        }
        Add("t", head?["ts"] ?? result["t"] ?? request?["t"]);
        Add("feedback", head?["feedback"]?["strategy"]);
        Add("feedback layers", head?["feedback"]?["layers"]);
        Add("feedback pairs", head?["feedback"]?["pairs"] is JsonArray pairs ? new JsonArray([.. pairs.Select(pair => (JsonNode)$"{pair!["from"]}-{pair["to"]}")]) : null);
        Add("batch norm", (head?["reader"] ?? head)?["batchNorm"]);
        Add("blocks", head?["readBlocks"] ?? (head?["blocks"] is JsonArray { Count: > 0 } blocks ? new JsonArray([.. blocks.Select(block => block?["block"]?.DeepClone())]) : result["block"] ?? request?["blocks"]));
        Add("pool", head?["pool"] ?? result["pool"] ?? head?["tokens"]);
        foreach (var (key, value) in ((head?["reader"] ?? head) as JsonObject ?? []).Where(part => !Told.Contains(part.Key)))
        {
            Add(OfHead + key, value);
        }
        Add("first pass's blocks", head?["firstReadBlocks"]);
        Add("looks averaged", result["averagedLooks"]);
        Add("training pictures", result["trainPictures"]);
        Add("test pictures", result["testSha256"] is { } test ? Short(test) : null);
        if (result["recipe"]?.DeepClone() is JsonObject recipe)
        {
            recipe.Remove("seed");
            recipe.Remove("about");
            Add("training recipe", recipe.ToJsonString());
        }
        var training = features?["training"];
        Add("noise", training?["noise"] ?? "stored draws");
        Add("training crop", training?["crop"] ?? "centre");
        Add("training flip", training?["flip"]);
        Add("trained on", result["trainedOn"]);
        Add("fine-tuning", features?["tuning"] ?? "none: frozen net");
        return facts;
    }

    /// <summary>Facts on which not all agree.</summary>
    public static IReadOnlyList<FactDifference> Differences(IReadOnlyList<ResultEntry> entries)
    {
        List<FactDifference> differences = [];
        foreach (var fact in entries.SelectMany(entry => entry.How.Keys).Distinct().Order(StringComparer.Ordinal))
        {
            var values = entries.Index().Where(pair => !fact.StartsWith(OfHead, StringComparison.Ordinal) || pair.Item.How.ContainsKey(fact)).GroupBy(pair => pair.Item.How.GetValueOrDefault(fact, "not said"), pair => pair.Index).Select(group => new FactValue(group.Key, [.. group])).ToList();
            if (values.Count > 1) { differences.Add(new(fact, values)); }
        }
        return differences;
    }

    static string Short(JsonNode? hash) => hash is null ? "" : Text(hash) is { Length: > 12 } text ? text[..12] : Text(hash);

    static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : node is JsonValue number && number.TryGetValue(out double real) ? real.ToString(CultureInfo.InvariantCulture) : node?.ToJsonString() ?? "none";
}

/// <summary>A fact in which results differ.</summary>
public sealed record FactDifference(string Fact, IReadOnlyList<FactValue> Values);

/// <summary>A value, and which results have it: their places in the list.</summary>
public sealed record FactValue(string Value, IReadOnlyList<int> Entries);
