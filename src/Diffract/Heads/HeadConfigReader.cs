using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Models;

namespace Diffract.Heads;

/// <summary>Turns JSON into a <see cref="HeadConfig"/> and collects every fault.</summary>
sealed class HeadConfigReader
{
    readonly List<string> _faults = [];

    public static HeadConfig Read(JsonElement json, string where)
    {
        var reader = new HeadConfigReader();
        var config = reader.Config(json);
        HeadConfigException.ThrowIfAny(where, [.. reader._faults, .. config?.Faults(complete: false) ?? []]);
        return config!;
    }

    HeadConfig? Config(JsonElement json)
    {
        string[] common = ["kind", "ts", "blocks", "classes"];
        var kind = json.ValueKind == JsonValueKind.Object && json.TryGetProperty("kind", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        switch (kind)
        {
            case "linear" or "mlp":
                CheckKeys("", json, kind == "mlp" ? [.. common, "pool", "batchNorm", "hidden"] : [.. common, "pool", "batchNorm"]);
                var linear = new LinearConfig();
                linear = linear with
                {
                    Pool = Integer(json, "pool", linear.Pool), BatchNorm = Boolean(json, "batchNorm", linear.BatchNorm), Hidden = Integers(json, "hidden"),
                    Ts = Integers(json, "ts"), Blocks = Blocks(json), Classes = Integer(json, "classes", 0),
                };
                if (kind == "mlp" && linear.Hidden.Count == 0)
                {
                    _faults.Add("kind is mlp and hidden is not given; expected a list of widths, or kind linear");
                }
                return linear;
            case "cnn":
                CheckKeys("", json, [.. common, "widths", "padding", "pool"]);
                var cnn = new CnnConfig();
                return cnn with
                {
                    Widths = Find(json, "widths") is null ? cnn.Widths : Integers(json, "widths"), Padding = Integer(json, "padding", cnn.Padding), Pool = Integer(json, "pool", cnn.Pool),
                    Ts = Integers(json, "ts"), Blocks = Blocks(json), Classes = Integer(json, "classes", 0),
                };
            case "attention":
                var layered = Find(json, "layers") is not null;
                CheckKeys("", json, layered ? [.. common, "tokens", "dim", "layers"] : [.. common, "tokens", "dim", "depth", "heads", "mlpRatio"]);
                var attention = new AttentionConfig();
                return attention with
                {
                    Tokens = Tokens(json) ?? attention.Tokens, Layers = layered ? Layers(json.GetProperty("layers")) : null,
                    Dim = Integer(json, "dim", attention.Dim), Depth = Integer(json, "depth", attention.Depth),
                    Heads = Integer(json, "heads", attention.Heads), MlpRatio = Real(json, "mlpRatio", attention.MlpRatio),
                    Ts = Integers(json, "ts"), Blocks = Blocks(json), Classes = Integer(json, "classes", 0),
                };
            case "diffeed":
                CheckKeys("", json, [.. common, "unet", "feedback", "reader", "readBlocks", "firstReadBlocks", "class"]);
                return Feedback(json);
            default:
                _faults.Add(kind is null ? "expected an object with a kind: linear, mlp, cnn, attention or diffeed" : $"kind is '{kind}', expected linear, mlp, cnn, attention or diffeed");
                return null;
        }
    }

    FeedbackHeadConfig? Feedback(JsonElement json)
    {
        var missing = new[] { "unet", "feedback", "reader", "readBlocks" }.Where(name => Find(json, name) is null).ToList();
        if (missing.Count > 0)
        {
            return Fault<FeedbackHeadConfig?>($"kind is diffeed and {string.Join(", ", missing)} not given", null);
        }
        try
        {
            var reader = Config(json.GetProperty("reader"));
            return reader is null ? null : new()
            {
                Net = UNetConfig.Parse(json.GetProperty("unet"), "unet"), Feedback = FeedbackConfig.FromJson(JsonNode.Parse(json.GetProperty("feedback").GetRawText())!),
                Reader = reader, ReadBlocks = Integers(json, "readBlocks"), FirstReadBlocks = Integers(json, "firstReadBlocks"), Class = Find(json, "class") is null ? null : Integer(json, "class", 0),
                Ts = Integers(json, "ts"), Blocks = Blocks(json), Classes = Integer(json, "classes", 0),
            };
        }
        catch (Exception exception) when (exception is UNetConfigException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            return Fault<FeedbackHeadConfig?>($"unet or feedback: {exception.Message}", null);
        }
    }

    TokenConfig? Tokens(JsonElement json)
    {
        if (Find(json, "tokens") is not { } tokens)
        {
            return null;
        }
        switch (tokens.ValueKind == JsonValueKind.Object ? Find(tokens, "kind")?.ToString() : null)
        {
            case "projected":
                CheckKeys("tokens.", tokens, ["kind", "size", "norm"]);
                var projected = new TokenConfig.Projected();
                return new TokenConfig.Projected(Integer(tokens, "size", projected.Size), Norm(tokens) ?? projected.Norm);
            case "pooled":
                CheckKeys("tokens.", tokens, ["kind", "kernel", "stride"]);
                return new TokenConfig.Pooled(Integer(tokens, "kernel", new TokenConfig.Pooled().Kernel), Find(tokens, "stride") is null ? null : Integer(tokens, "stride", 1));
            default:
                return Fault<TokenConfig?>($"tokens is {Shown(tokens)}, expected an object with kind projected or pooled", null);
        }
    }

    TokenLayer[] Layers(JsonElement layers) => layers.ValueKind == JsonValueKind.Array ? [.. layers.EnumerateArray().Select(Layer).OfType<TokenLayer>()]
        : Fault<TokenLayer[]>($"layers is {Shown(layers)}, expected a list of objects with a kind", []);

    TokenLayer? Layer(JsonElement layer, int place)
    {
        var (prefix, kind) = ($"layers[{place}].", layer.ValueKind == JsonValueKind.Object ? Find(layer, "kind")?.ToString() : null);
        switch (kind)
        {
            case "transformer":
                CheckKeys(prefix, layer, ["kind", "heads", "mlpRatio", "depth"]);
                var standard = new AttentionConfig();
                return new TokenLayer.Transformer(Integer(layer, "heads", standard.Heads), Real(layer, "mlpRatio", standard.MlpRatio), Integer(layer, "depth", 1));
            case "dense":
                CheckKeys(prefix, layer, ["kind", "width", "activation"]);
                return new TokenLayer.Dense(Integer(layer, "width", 0), Activation(layer, prefix));
            case "insertCls" or "first" or "mean" or "flatten":
                CheckKeys(prefix, layer, ["kind"]);
                return kind switch { "insertCls" => new TokenLayer.InsertCls(), "first" => new TokenLayer.First(), "mean" => new TokenLayer.Mean(), _ => new TokenLayer.Flatten() };
            default:
                return Fault<TokenLayer?>($"layers[{place}] is {Shown(layer)}, expected an object with kind insertCls, transformer, first, mean, flatten or dense", null);
        }
    }

    Activation Activation(JsonElement layer, string prefix) => Find(layer, "activation") is not { } named ? Heads.Activation.Identity
        : Enum.GetValues<Activation>().Cast<Activation?>().FirstOrDefault(known => named.ToString() == known.ToString()!.ToLowerInvariant())
            ?? Fault($"{prefix}activation is {Shown(named)}, expected identity, relu, sigmoid or tanh", Heads.Activation.Identity);

    TokenNorm? Norm(JsonElement tokens) => Find(tokens, "norm") is not { } norm ? null
        : Enum.GetValues<TokenNorm>().Cast<TokenNorm?>().FirstOrDefault(known => norm.ToString() == known.ToString()!.ToLowerInvariant())
            ?? Fault<TokenNorm?>($"tokens.norm is {Shown(norm)}, expected joint, batch or channels", null);

    IReadOnlyList<FeatureSpec> Blocks(JsonElement json)
    {
        if (Find(json, "blocks") is not { } blocks)
        {
            return [];
        }
        if (blocks.ValueKind != JsonValueKind.Array || blocks.EnumerateArray().Any(block => block.ValueKind != JsonValueKind.Object))
        {
            return Fault<IReadOnlyList<FeatureSpec>>($"blocks is {Shown(blocks)}, expected a list of objects with block, channels, height, width", []);
        }
        return [.. blocks.EnumerateArray().Select(block =>
        {
            CheckKeys("blocks.", block, ["block", "channels", "height", "width"]);
            return new FeatureSpec(Integer(block, "block", 0), Integer(block, "channels", 0), Integer(block, "height", 0), Integer(block, "width", 0));
        })];
    }

    IReadOnlyList<int> Integers(JsonElement json, string name)
    {
        var list = Find(json, name);
        return list is null ? []
            : list is { ValueKind: JsonValueKind.Array } array && array.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)) ? [.. array.EnumerateArray().Select(item => item.GetInt32())]
            : Fault<IReadOnlyList<int>>($"{name} is {Shown(list.Value)}, expected a list of integers", []);
    }

    int Integer(JsonElement json, string name, int otherwise) => Find(json, name) is not { } value ? otherwise
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : Fault($"{name} is {Shown(value)}, expected an integer", otherwise);

    double Real(JsonElement json, string name, double otherwise) => Find(json, name) is not { } value ? otherwise
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number : Fault($"{name} is {Shown(value)}, expected a number", otherwise);

    bool Boolean(JsonElement json, string name, bool otherwise) => Find(json, name) is not { } value ? otherwise
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Fault($"{name} is {Shown(value)}, expected true or false", otherwise);

    void CheckKeys(string prefix, JsonElement json, string[] known)
    {
        foreach (var name in json.EnumerateObject().Select(property => property.Name).Except(known))
        {
            _faults.Add($"unknown key {prefix}{name}; known here are {string.Join(", ", known)}");
        }
    }

    static JsonElement? Find(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    static string Shown(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..60] + "..." : value.GetRawText();

    T Fault<T>(string text, T otherwise)
    {
        _faults.Add(text);
        return otherwise;
    }
}
