using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>
/// Reads recipes: JSON with comments. What stands beside the rows (head, features, train, knn, feedback) holds for every row that does not say otherwise:
/// a row's own keys of features, train, knn and feedback replace the recipe's one by one, its head as a whole.
/// </summary>
public sealed partial class RecipeReader
{
    static readonly string[] Merged = ["features", "train", "knn", "feedback"], Shared = [.. Merged, "head", "method", "choose", "layerDecay"];

    readonly List<string> _faults = [];

    /// <param name="overrides">"path=value" each.</param> <param name="rows">Names of the rows that are to be run, which "rows.*" means; null: all.</param>
    /// <exception cref="RecipeException">The file is missing or no JSON, a key is unknown, or a value cannot be used; all faults are named.</exception>
    public static Recipe Read(string path, IEnumerable<string>? overrides = null, IReadOnlyList<string>? rows = null)
    {
        try
        {
            return Parse(File.ReadAllText(path), Path.GetFileNameWithoutExtension(path), path, overrides, rows);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new RecipeException($"{path}: cannot be read: {cause.Message}");
        }
    }

    /// <inheritdoc cref="Read"/>
    /// <param name="where">For errors: the file.</param>
    public static Recipe Parse(string text, string name, string where, IEnumerable<string>? overrides = null, IReadOnlyList<string>? rows = null)
    {
        var reader = new RecipeReader();
        try
        {
            var json = JsonNode.Parse(text, documentOptions: new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16, AllowDuplicateProperties = false }) as JsonObject
                ?? throw new RecipeException($"{where}: expected a JSON object");
            foreach (var change in overrides ?? [])
            {
                RecipeOverrides.Apply(json, change, rows, reader._faults);
            }
            var recipe = reader.Recipe(json, name);
            return reader._faults.Count == 0 ? recipe : throw new RecipeException($"{where}: {string.Join("; ", reader.Faults)}");
        }
        catch (JsonException cause)
        {
            throw new RecipeException($"{where}: not JSON: {cause.Message}");
        }
    }

    // A fault in what the rows share is found with every row, and named once.
    IEnumerable<string> Faults => _faults.DistinctBy(fault => InRow().Replace(fault, ""));

    Recipe Recipe(JsonObject json, string name)
    {
        var fields = new RecipeFields(json, "", _faults);
        RecipeData[] data = [.. fields.List("data").Select(Data)];
        foreach (var twice in data.GroupBy(one => Slug.Of(one.Name)).Where(group => group.Count() > 1))
        {
            fields.Add("data", $"has {twice.Count()} sets named '{twice.First().Name}' or alike; each needs a name of its own");
        }
        foreach (var key in Shared)
        {
            _ = fields.Node(key);                                                          // read with each row
        }
        RecipeRow[] rows = [.. fields.List("rows").Zip(json["rows"] as JsonArray ?? [], (row, own) => Row(new(Whole(json, (JsonObject)own!), row.At, _faults), Whole(json, (JsonObject)own!), data))];
        foreach (var twice in rows.GroupBy(row => Slug.Of(row.Name)).Where(group => group.Count() > 1))
        {
            fields.Add("rows", $"has {twice.Count()} rows named '{twice.First().Name}' or alike; each needs a name of its own");
        }
        var recipe = new Recipe
        {
            Name = name,
            About = Required(fields, "about"),
            Source = fields.Text("source"),
            Model = Required(fields, "model"),
            Data = data,
            Seeds = [.. (fields.Integers("seeds", 0, int.MaxValue) ?? [0]).Distinct().Select(seed => (ulong)seed)],
            Rows = rows,
            Json = json,
        };
        fields.End();
        return recipe;
    }

    static RecipeData Data(RecipeFields fields)
    {
        var data = new RecipeData(Required(fields, "name"), (int?)fields.Integer("classes", 2, 10_000), fields.Integer("train", 1, int.MaxValue), fields.Integer("test", 1, int.MaxValue), fields.Real("share", 1e-6, 1));
        fields.End();
        return data;
    }

    RecipeRow Row(RecipeFields fields, JsonObject json, RecipeData[] data)
    {
        var method = fields.Word("method", "head", "knn", "feedback", "finetune") switch
        {
            "knn" => RecipeMethod.Neighbours, "feedback" => RecipeMethod.Feedback, "finetune" => RecipeMethod.FineTune, _ => RecipeMethod.Head,
        };
        var (head, named) = Head(fields, method);
        var row = new RecipeRow
        {
            Name = Required(fields, "name"),
            Method = method,
            Head = head,
            HeadName = named,
            Features = RecipeSections.Features(fields.Section("features"), method),
            Training = RecipeSections.Training(fields.Section("train"), method),
            Neighbours = RecipeSections.Neighbours(fields.Section("knn")),
            Feedback = RecipeSections.Feedback(fields.Section("feedback"), method),
            LayerDecay = fields.Real("layerDecay", 1e-3, 1),
            Choose = RecipeSections.Choice(fields.Section("choose")),
            Paper = RecipePaper.Read(fields, data),
            Json = json,
        };
        if (row.Features.T.Count == 0 && row.Choose?.T is null) { fields.Add("features.t", "is not given; expected steps such as [90]"); }
        if (row.Features.Blocks.Count == 0 && row.Choose?.Blocks is null) { fields.Add("features.blocks", "is not given; expected blocks such as [24]"); }
        if (row.Features.Fresh && method == RecipeMethod.Head && row.Training.Recipe == "logistic") { fields.Add("train.recipe", "is logistic, which fits a head to features that stay as they are; with noise fresh, expected another"); }
        if (row.Choose is { T: null, Blocks: null, Pools: null, Epochs: null }) { fields.Add("choose", "names nothing to choose among; known are t, blocks, pool and epochs"); }
        if (row.Choose?.Pools?.Contains(0) is true && row.Kind is "linear" or "mlp") { fields.Add("choose.pool", "has 0, whole maps, which are for knn"); }
        if (row.Choose?.Epochs is not null && method == RecipeMethod.Neighbours) { fields.Add("choose.epochs", "is for what is trained"); }
        if (row.Choose?.Epochs is not null && row.Training.Recipe == "logistic") { fields.Add("choose.epochs", "is for what is trained in steps; recipe logistic fits a head at once"); }
        if (row.Choose?.Pools is not null && row.Kind is not ("linear" or "mlp" or "knn")) { fields.Add("choose.pool", "is for linear heads, MLPs and knn"); }
        fields.End();
        return row;
    }

    (HeadConfig? Head, HeadName? Name) Head(RecipeFields fields, RecipeMethod method)
    {
        if (fields.Node("head") is not { } node || method == RecipeMethod.Neighbours)
        {
            if (method != RecipeMethod.Neighbours) { fields.Add("head", "is not given; expected a name such as linear-4k, or an object such as {\"kind\": \"linear\", \"pool\": 2}"); }
            return (null, null);
        }
        try
        {
            if (node.GetValueKind() == JsonValueKind.String) { return (null, HeadName.Parse((string)node!)); }
            var head = HeadConfig.Parse(JsonSerializer.SerializeToElement(node), $"{fields.At}.head");
            if (head.Ts.Count + head.Blocks.Count + head.Classes > 0) { fields.Add("head", "names ts, blocks or classes; those follow from features and data"); }
            return (head, null);
        }
        catch (HeadConfigException fault)
        {
            _faults.Add(fault.Message.StartsWith(fields.At, StringComparison.Ordinal) ? fault.Message : $"{fields.At}.{fault.Message}");
            return (null, null);
        }
    }

    static string Required(RecipeFields fields, string key)
    {
        var text = fields.Text(key);
        if (text is null && fields.Node(key) is null) { fields.Add(key, "is not given"); }
        return text ?? "";
    }

    // The row with what it takes over from the recipe.
    static JsonObject Whole(JsonObject recipe, JsonObject row)
    {
        var whole = row.DeepClone().AsObject();
        foreach (var key in Shared.Where(key => recipe[key] is not null))
        {
            if (whole[key] is null) { whole[key] = recipe[key]!.DeepClone(); }
            else if (Merged.Contains(key) && whole[key] is JsonObject own && recipe[key] is JsonObject common)
            {
                foreach (var (name, value) in common.Where(pair => !own.ContainsKey(pair.Key))) { own[name] = value?.DeepClone(); }
            }
        }
        return whole;
    }

    [GeneratedRegex(@"^rows\.\d+\.")]
    private static partial Regex InRow();
}
