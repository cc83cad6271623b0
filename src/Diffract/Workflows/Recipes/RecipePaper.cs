using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Workflows;

/// <summary>"paper" of a row: 61.95, or {"top1": 49.04, "top5": 71.40}, or either by data set: {"CUB": 47.4}.</summary>
static class RecipePaper
{
    public static IReadOnlyDictionary<string, PaperFigure> Read(RecipeFields fields, IReadOnlyList<RecipeData> data)
    {
        var figures = new Dictionary<string, PaperFigure>();
        if (fields.Node("paper") is not { } node)
        {
            return figures;
        }
        if (node is JsonObject sets && !sets.ContainsKey("top1"))
        {
            foreach (var (name, value) in sets)
            {
                if (data.All(one => one.Name != name)) { fields.Add($"paper.{name}", $"is no data set of the recipe; those are {string.Join(", ", data.Select(one => one.Name))}"); }
                else { Add(name, value); }
            }
        }
        else if (data.Count == 1) { Add(data[0].Name, node); }
        else { fields.Add("paper", $"is {RecipeFields.Shown(node)}; with {data.Count} data sets, expected an object with their names"); }
        return figures;

        void Add(string name, JsonNode? value)
        {
            if (Figure(value) is { } figure) { figures[name] = figure; }
            else { fields.Add("paper", $"is {(value is null ? "null" : RecipeFields.Shown(value))}, expected an accuracy in %, or top1 and top5"); }
        }
    }

    static PaperFigure? Figure(JsonNode? node) => node is JsonObject { Count: <= 2 } both && Percent(both["top1"]) is { } top1 && (both.Count == 1 || both.ContainsKey("top5")) ? new(top1, Percent(both["top5"]))
        : Percent(node) is { } alone ? new(alone) : null;

    static double? Percent(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number) && number is >= 0 and <= 100 ? number : null;
}
