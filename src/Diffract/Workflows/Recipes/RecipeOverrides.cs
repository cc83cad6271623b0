using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>--set path=value: "train.epochs=2", "rows.0.head.pool=4", "rows.*.train.epochs=2" for every row that is to be run.</summary>
static class RecipeOverrides
{
    /// <param name="text">The value is JSON where it reads as such, else a text. Objects on the way are made; places of a list must be there.</param>
    /// <param name="rows">Names of the rows that are to be run; null: all.</param>
    public static void Apply(JsonObject recipe, string text, IReadOnlyList<string>? rows, List<string> faults)
    {
        var equals = text.IndexOf('=');
        var path = equals > 0 ? text[..equals].Split('.') : [];
        if (path.Length == 0 || path.Any(part => part.Length == 0))
        {
            faults.Add($"--set {text}: expected path=value, such as train.epochs=2 or rows.*.head.pool=4");
            return;
        }
        var value = Value(text[(equals + 1)..]);
        if (rows is not null && path is ["rows", "*", ..] && recipe["rows"] is JsonArray all)
        {
            foreach (var (i, _) in all.Index().Where(row => row.Item is JsonObject one && one["name"] is JsonValue name && name.TryGetValue(out string? text) && rows.Contains(text)))
            {
                Set(recipe, ["rows", i.ToString(CultureInfo.InvariantCulture), .. path[2..]], value, text, faults);
            }
            return;
        }
        Set(recipe, path, value, text, faults);
    }

    static void Set(JsonNode at, string[] path, JsonNode? value, string text, List<string> faults)
    {
        var (key, rest) = (path[0], path[1..]);
        switch (at)
        {
            case JsonArray list when key == "*":
                for (var i = 0; i < list.Count; i++)
                {
                    Set(list, [i.ToString(CultureInfo.InvariantCulture), .. rest], value, text, faults);
                }
                break;
            case JsonArray list when int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < list.Count:
                if (rest.Length == 0) { list[index] = value?.DeepClone(); }
                else if (list[index] is { } inner) { Set(inner, rest, value, text, faults); }
                break;
            case JsonArray list:
                faults.Add($"--set {text}: '{key}' is no place of a list of {list.Count}; expected 0 to {list.Count - 1}, or *");
                break;
            case JsonObject map when rest.Length == 0:
                map[key] = value?.DeepClone();
                break;
            case JsonObject map:
                Set(map[key] ??= new JsonObject(), rest, value, text, faults);
                break;
            default:
                faults.Add($"--set {text}: what stands before '{key}' is {RecipeFields.Shown(at)}, which has no parts");
                break;
        }
    }

    static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
