using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Steps, blocks and pool of a row, chosen on held-out training pictures.</summary>
/// <param name="Tried">Each candidate with its accuracy there.</param> <param name="Best">Index of the best; of equal ones the first.</param>
public sealed record FeatureChoice(IReadOnlyList<(FeatureUse Use, double HeldOutAccuracy)> Tried, int Best)
{
    public const string File = "choice.json";

    public FeatureUse Chosen => Tried[Best].Use;

    public string Text => string.Create(CultureInfo.InvariantCulture,
        $"t, block and pool ({Describe(Chosen)}) are the best of {Tried.Count} on held-out training pictures ({100 * Tried[Best].HeldOutAccuracy:f2} %).");

    /// <param name="open">Opens the store that has a candidate's maps.</param>
    /// <param name="ask">Accuracy of a candidate on held-out pictures.</param>
    public static FeatureChoice Make(IEnumerable<FeatureUse> candidates, Func<FeatureUse, FeatureStore> open, Func<FeatureStore, FeatureUse, double> ask)
    {
        List<(FeatureUse, double HeldOutAccuracy)> tried = [];
        foreach (var use in candidates)
        {
            using var store = open(use);
            tried.Add((use, ask(store, use)));
        }
        return new(tried, Enumerable.Range(0, tried.Count).MaxBy(i => tried[i].HeldOutAccuracy));
    }

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(ToJson(), HeadResult.Json));

    /// <summary>What <see cref="Write"/> wrote; null where there is none.</summary>
    public static FeatureChoice? Read(string path)
    {
        if (!System.IO.File.Exists(path)) { return null; }
        var json = JsonNode.Parse(System.IO.File.ReadAllBytes(path))!;
        static int[] Numbers(JsonNode? list) => [.. list!.AsArray().Select(number => (int)number!)];
        return new([.. json["tried"]!.AsArray().Select(one => (new FeatureUse(Numbers(one!["t"]), Numbers(one["blocks"]), (int)one["pool"]!), (double)one["heldOutAccuracy"]!))], (int)json["best"]!);
    }

    public JsonObject ToJson() => new()
    {
        ["choice"] = Text,
        ["best"] = Best,
        ["tried"] = new JsonArray([.. Tried.Select(one => (JsonNode)new JsonObject
        {
            ["t"] = new JsonArray([.. one.Use.T.Select(t => (JsonNode)t)]), ["blocks"] = new JsonArray([.. one.Use.Blocks.Select(block => (JsonNode)block)]), ["pool"] = one.Use.Pool, ["heldOutAccuracy"] = one.HeldOutAccuracy,
        })]),
    };

    static string Describe(FeatureUse use) => $"t {string.Join(",", use.T)}, block {string.Join(",", use.Blocks)}, pool {(use.Pool == 0 ? "none" : use.Pool)}";
}
