using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>Reads one object of a recipe key by key and gathers every fault; keys that nothing asked for are unknown.</summary>
sealed class RecipeFields(JsonObject json, string at, List<string> faults)
{
    readonly SortedSet<string> _known = new(StringComparer.Ordinal);

    public string At => at;

    public JsonNode? Node(string key)
    {
        _known.Add(key);
        return json[key];
    }

    public string? Text(string key) => Node(key) is not { } node ? null
        : node.GetValueKind() == JsonValueKind.String ? (string)node! : Fault<string?>(key, node, "a text");

    public bool? Boolean(string key) => Node(key) is not { } node ? null
        : node.GetValueKind() is JsonValueKind.True or JsonValueKind.False ? (bool)node! : Fault<bool?>(key, node, "true or false");

    public long? Integer(string key, long low, long high) => Node(key) is not { } node ? null
        : IsInteger(node, low, high) ? (long)node! : Fault<long?>(key, node, $"an integer of {low} to {high}");

    public IReadOnlyList<int>? Integers(string key, int low, int high) => Node(key) is not { } node ? null
        : node is JsonArray { Count: > 0 } list && list.All(item => IsInteger(item, low, high)) ? [.. list.Select(item => (int)item!)]
        : Fault<IReadOnlyList<int>?>(key, node, $"a list of integers of {low} to {high}");

    public double? Real(string key, double low, double high) => Node(key) is not { } node ? null
        : IsReal(node, low, high) ? (double)node! : Fault<double?>(key, node, string.Create(CultureInfo.InvariantCulture, $"a number of {low} to {high}"));

    public IReadOnlyList<double>? Reals(string key) => Node(key) is not { } node ? null
        : node is JsonArray { Count: > 0 } list && list.All(item => IsReal(item, 0, 1e6)) ? [.. list.Select(item => (double)item!)]
        : Fault<IReadOnlyList<double>?>(key, node, "a list of numbers of 0 to 1000000");

    /// <summary>One of some words.</summary>
    public string? Word(string key, params string[] words) => Node(key) is not { } node ? null
        : node.GetValueKind() == JsonValueKind.String && words.Contains((string)node!) ? (string)node! : Fault<string?>(key, node, string.Join(" or ", words));

    public RecipeFields? Section(string key) => Node(key) is not { } node ? null
        : node is JsonObject inner ? new(inner, Place(key), faults) : Fault<RecipeFields?>(key, node, "an object");

    /// <summary>The objects of a list.</summary>
    public IEnumerable<RecipeFields> List(string key)
    {
        if (Node(key) is not JsonArray { Count: > 0 } list || list.Any(item => item is not JsonObject))
        {
            Add(key, Node(key) is { } node ? $"is {Shown(node)}, expected a list of objects" : "is not given; expected a list of objects");
            return [];
        }
        return list.Select((item, i) => new RecipeFields((JsonObject)item!, Place($"{key}.{i}"), faults));
    }

    /// <summary>Complains of keys that were not asked for.</summary>
    public void End()
    {
        foreach (var key in json.Select(pair => pair.Key).Where(key => !_known.Contains(key)))
        {
            Add(key, $"is unknown; known here are {string.Join(", ", _known)}");
        }
    }

    public void Add(string key, string fault) => faults.Add($"{Place(key)} {fault}");

    string Place(string key) => at.Length == 0 ? key : key.Length == 0 ? at : $"{at}.{key}";

    static bool IsInteger(JsonNode? node, long low, long high) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out long number) && number >= low && number <= high;

    static bool IsReal(JsonNode? node, double low, double high) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number) && number >= low && number <= high;

    internal static string Shown(JsonNode node) => node.ToJsonString() is { Length: > 60 } text ? text[..57] + "..." : node.ToJsonString();

    T? Fault<T>(string key, JsonNode node, string expected)
    {
        Add(key, $"is {Shown(node)}, expected {expected}");
        return default;
    }
}
