using System.Globalization;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>How a result was made, as facts that can be compared one by one.</summary>
static class ResultFacts
{
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
        Add("blocks", head?["blocks"] is JsonArray { Count: > 0 } blocks ? new JsonArray([.. blocks.Select(block => block?["block"]?.DeepClone())]) : result["block"] ?? request?["blocks"]);
        Add("pool", head?["pool"] ?? result["pool"] ?? head?["tokens"]);
        Add("looks averaged", result["averagedLooks"]);
        Add("training pictures", result["trainPictures"]);
        Add("test pictures", result["testSha256"] is { } test ? Short(test) : null);
        if (result["recipe"]?.DeepClone() is JsonObject recipe)
        {
            recipe.Remove("seed");
            recipe.Remove("about");
            Add("training recipe", recipe.ToJsonString());
        }
        Add("noise", result["noise"]);
        return facts;
    }

    /// <summary>Names of facts on which not all agree, with what each entry has.</summary>
    public static IEnumerable<(string Fact, IReadOnlyList<(string Value, IReadOnlyList<int> Entries)> Values)> Differences(IReadOnlyList<ResultEntry> entries) =>
        from fact in entries.SelectMany(entry => entry.How.Keys).Distinct().Order(StringComparer.Ordinal)
        let values = entries.Select((entry, i) => (Value: entry.How.GetValueOrDefault(fact, "not said"), i)).GroupBy(pair => pair.Value).Select(group => (group.Key, (IReadOnlyList<int>)[.. group.Select(pair => pair.i)])).ToList()
        where values.Count > 1
        select (fact, (IReadOnlyList<(string, IReadOnlyList<int>)>)values);

    static string Short(JsonNode? hash) => hash is null ? "" : Text(hash) is { Length: > 12 } text ? text[..12] : Text(hash);

    static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : node is JsonValue number && number.TryGetValue(out double real) ? real.ToString(CultureInfo.InvariantCulture) : node?.ToJsonString() ?? "none";
}
