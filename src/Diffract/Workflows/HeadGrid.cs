using System.Globalization;
using System.Text.Json;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>One line of a grid of heads; what is null is as for all the others.</summary>
/// <param name="Named">The head, or null at <paramref name="Config"/> gives it.</param>
public sealed record GridLine(string Name, NamedHead? Named, HeadConfig? Config)
{
    public IReadOnlyList<int>? T { get; init; }
    public IReadOnlyList<int>? Blocks { get; init; }
    public IReadOnlyList<double>? LearningRates { get; init; }
    public IReadOnlyList<double>? WeightDecays { get; init; }
}

/// <summary>
/// A file of heads to train together: a list whose items are names ("linear-4k") or objects with "head" or "config", and "recipe", "pool", "t", "blocks", "lr", "decay", "name".
/// Where head, recipe, pool, t or blocks is a list, the item stands for one head of each (pools count for linear heads and MLPs alone); several steps or blocks that one head reads are a list in that list: "t": [90, [90, 150]].
/// </summary>
public sealed class HeadGrid
{
    static readonly string[] Known = ["name", "head", "config", "recipe", "pool", "t", "blocks", "lr", "decay"];

    readonly List<string> _faults = [];
    readonly string _recipe;

    HeadGrid(string recipe) => _recipe = recipe;

    /// <param name="recipe">Of heads that name none.</param>
    /// <exception cref="HeadConfigException">It cannot be used; all faults are named.</exception>
    public static IReadOnlyList<GridLine> Read(string path, string recipe)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 });
            var grid = new HeadGrid(recipe);
            var root = document.RootElement;
            List<GridLine> lines = root.ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray().SelectMany((item, i) => grid.Lines(item, $"item {i + 1}"))] : [];
            HeadConfigException.ThrowIfAny(path, root.ValueKind != JsonValueKind.Array ? ["expected a list of heads"] : grid._faults.Count == 0 && lines.Count == 0 ? ["it names no head"] : grid._faults);
            return lines;
        }
        catch (JsonException exception)
        {
            throw new HeadConfigException($"{path}: not JSON: {exception.Message}");
        }
    }

    List<GridLine> Lines(JsonElement item, string at)
    {
        if (item.ValueKind == JsonValueKind.String)
        {
            return Name(item.GetString()!, at) is { } name ? [new(name.ToString(), new(name, _recipe), null)] : [];
        }
        if (item.ValueKind != JsonValueKind.Object)
        {
            return Fault(at, "expected a head's name or an object");
        }
        foreach (var unknown in item.EnumerateObject().Select(property => property.Name).Except(Known))
        {
            Fault(at, $"unknown key {unknown}; known are {string.Join(", ", Known)}");
        }
        var config = item.TryGetProperty("config", out var json) ? Config(json, at) : null;
        if (item.TryGetProperty("head", out _) == (json.ValueKind != JsonValueKind.Undefined))
        {
            return Fault(at, "expected one of head and config");
        }
        if (item.TryGetProperty("pool", out _) && !Alternatives(item, "head").Any(TakesPool))
        {
            return Fault(at, config is null ? "pool is for linear heads and MLPs; leave it out" : "pool beside config, which says its own; leave it out");
        }
        var lines = (from head in Alternatives(item, "head")
                     from recipe in Alternatives(item, "recipe")
                     from pool in TakesPool(head) ? Alternatives(item, "pool") : [null]
                     from t in Alternatives(item, "t")
                     from blocks in Alternatives(item, "blocks")
                     select Line(item, config, head, recipe, pool, t, blocks, at)).OfType<GridLine>().ToList();
        return lines.Count > 1 && item.TryGetProperty("name", out _) ? Fault(at, "a name for several heads; leave it out") : lines;
    }

    // Other heads read whole maps, or tokens of a size that their recipe says: for each pool they would be the same head once more.
    static bool TakesPool(JsonElement? head) => head?.ToString().ToLowerInvariant().Split('-')[0] is "linear" or "mlp";

    GridLine? Line(JsonElement item, HeadConfig? config, JsonElement? head, JsonElement? recipe, JsonElement? pool, JsonElement? t, JsonElement? blocks, string at)
    {
        var name = head is { } text ? Name(text.ToString(), at) : null;
        if (config is null && name is null)
        {
            return null;
        }
        var named = name is null ? null : new NamedHead(name, Recipe(recipe, at)) { Pool = pool is { } k ? Integers(k, "pool", at)?.FirstOrDefault() : null };
        var (steps, read) = (t is { } s ? Integers(s, "t", at) : null, blocks is { } b ? Integers(b, "blocks", at) : null);
        string[] parts = [name?.ToString() ?? config!.Kind, .. Part("", recipe?.ToString()), .. Part("p", named?.Pool?.ToString(CultureInfo.InvariantCulture)), .. Part("t", Joined(steps)), .. Part("b", Joined(read))];
        return new(item.TryGetProperty("name", out var own) ? Folder(own, at) : string.Join('-', parts), named, config)
        {
            T = steps, Blocks = read, LearningRates = Reals(item, "lr", at), WeightDecays = Reals(item, "decay", at),
        };
    }

    HeadName? Name(string text, string at)
    {
        try
        {
            return HeadName.Parse(text);
        }
        catch (HeadConfigException exception)
        {
            Fault(at, exception.Message);
            return null;
        }
    }

    HeadConfig? Config(JsonElement json, string at)
    {
        try
        {
            return HeadConfig.Parse(json, "config");
        }
        catch (HeadConfigException exception)
        {
            Fault(at, exception.Message);
            return null;
        }
    }

    string Recipe(JsonElement? recipe, string at)
    {
        var name = recipe?.ToString() ?? _recipe;
        if (!HeadRecipes.Names.Contains(name))
        {
            Fault(at, $"recipe '{name}': known are {string.Join(", ", HeadRecipes.Names)}");
        }
        return name;
    }

    string Folder(JsonElement name, string at)
    {
        var text = name.ToString();
        if (text.Length is 0 or > 100 || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '+' or '.')) || text.StartsWith('.'))
        {
            Fault(at, $"name '{text}' is to be a folder's: letters, digits, '-', '_', '+' and '.'");
        }
        return text;
    }

    // A value alone, or each of a list; null at the key is not there.
    static IEnumerable<JsonElement?> Alternatives(JsonElement item, string key) => !item.TryGetProperty(key, out var value) ? [null]
        : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Select(one => (JsonElement?)one) : [value];

    IReadOnlyList<int>? Integers(JsonElement value, string key, string at)
    {
        IEnumerable<JsonElement> list = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        var numbers = list.Select(one => one.ValueKind == JsonValueKind.Number && one.TryGetInt32(out var number) && number >= 0 ? number : -1).ToArray();
        if (numbers.Length == 0 || numbers.Contains(-1))
        {
            Fault(at, $"{key} is {value.GetRawText()}, expected whole numbers");
            return null;
        }
        return [.. numbers.Distinct().Order()];
    }

    IReadOnlyList<double>? Reals(JsonElement item, string key, string at)
    {
        if (!item.TryGetProperty(key, out var value))
        {
            return null;
        }
        IEnumerable<JsonElement> list = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        var numbers = list.Select(one => one.ValueKind == JsonValueKind.Number && one.TryGetDouble(out var number) && number >= 0 ? number : double.NaN).ToArray();
        if (numbers.Length == 0 || numbers.Any(double.IsNaN))
        {
            Fault(at, $"{key} is {value.GetRawText()}, expected numbers of at least 0");
        }
        return numbers;
    }

    List<GridLine> Fault(string at, string text)
    {
        if (!_faults.Contains($"{at}: {text}"))
        {
            _faults.Add($"{at}: {text}");
        }
        return [];
    }

    static string[] Part(string letter, string? text) => text is null ? [] : [letter + text];

    static string? Joined(IReadOnlyList<int>? numbers) => numbers is null ? null : string.Join('+', numbers);
}
