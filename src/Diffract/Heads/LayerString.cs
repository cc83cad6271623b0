using System.Globalization;

namespace Diffract.Heads;

/// <summary>Reads the released code's layer strings.</summary>
sealed class LayerString
{
    const string Cls = "Use_CLS_Token", Insert = "Insert_CLS_Token";

    // Each layer's word, and how many values follow it.
    static readonly Dictionary<string, int> Words = new()
    {
        [Cls] = 2, ["Pool"] = 2, ["Reshape"] = 0, [Insert] = 0, ["Attention"] = 4, ["Extract_CLS_Token"] = 0, ["FullyPool"] = 0, ["Flatten"] = 0, ["Dense"] = 3,
    };

    readonly string[][] _items;
    readonly List<string> _faults;

    LayerString(string text)
    {
        _items = [.. text.Split('/')[0].Split(',').Select(item => item.Trim().Split(':'))];
        _faults = [.. _items.Select(Fault).OfType<string>()];
    }

    public static AttentionConfig Read(string text)
    {
        var read = new LayerString(text);
        var config = read._faults.Count == 0 ? read.Config() : null;
        HeadConfigException.ThrowIfAny($"layer string '{text}'", [.. read._faults, .. read._faults.Count == 0 ? config!.Faults(complete: false) : []]);
        return config!;
    }

    // Null where the words cannot stand in this order.
    AttentionConfig? Config()
    {
        var words = _items.Select(item => item[0]).ToArray();
        if (Array.LastIndexOf(words, Cls) > 0 || (words[0] != Cls && _items[0].Length < 3))
        {
            return Refused($"the layers are {string.Join(", ", words)}; expected {Cls} as the first of them, and nowhere else: the released code reads the CLS token's width there");
        }
        var reshape = Array.IndexOf(words, "Reshape");
        var before = words[(words[0] == Cls ? 1 : 0)..Math.Max(words[0] == Cls ? 1 : 0, reshape)];
        if (reshape >= 0 && before is not ([] or ["Pool"]))
        {
            return Refused($"{string.Join(", ", before)} before Reshape: what works on whole maps is one Pool at most");
        }
        if (words[(reshape + 1)..].FirstOrDefault(word => word is "Pool" or "Reshape") is { } late)
        {
            return Refused($"{late} where there are tokens: it works on maps, {(reshape < 0 ? "and the fusion head makes tokens before the first layer" : "which Reshape has turned into tokens")}");
        }
        if (words.Contains(Insert) && words[0] == Cls && _items[0][1] != "True")
        {
            return Refused($"'{string.Join(':', _items[0])}': {Insert} needs a CLS token (the released code takes every text but an empty one here for True); write True");
        }
        return Whole(_items.Where((item, i) => i > reshape && item[0] != Cls).ToList(), reshape < 0 ? null : words.Contains("Pool") ? _items.First(item => item[0] == "Pool") : []);
    }

    /// <param name="layers">Those that work on tokens and what they become.</param> <param name="pool">Null: projected tokens; empty: no pooling.</param>
    AttentionConfig? Whole(List<string[]> layers, string[]? pool)
    {
        var dense = pool is not null && layers is [.., ["Dense", _, _, _] last] ? last : null;
        if (dense is not null && dense[3] != "identity")
        {
            return Refused($"'{string.Join(':', dense)}': the last layer gives logits; write identity");
        }
        var config = new AttentionConfig
        {
            Tokens = pool switch
            {
                null => new TokenConfig.Projected(),
                [] => new TokenConfig.Pooled(1),
                _ => new TokenConfig.Pooled(Integer(pool[1]), pool[1] == pool[2] && pool[1] != "1" ? null : Integer(pool[2])),
            },
            Dim = Dim(layers, projected: pool is null),
            Classes = dense is null ? 0 : Integer(dense[2]),
        };
        CheckWidths(layers, config.Dim, projected: pool is null);
        TokenLayer[] sequence = [.. layers[..^(dense is null ? 0 : 1)].Select(Layer)];
        return sequence is [TokenLayer.InsertCls, TokenLayer.Transformer all, TokenLayer.First] ? config with { Heads = all.Heads, MlpRatio = all.MlpRatio, Depth = all.Depth } : config with { Layers = sequence };
    }

    // Projected tokens are as wide as the first item says; others as the first layer that tells.
    int Dim(List<string[]> layers, bool projected)
    {
        var first = layers.Find(item => item[0] is Insert or "Attention" or "Dense");
        return Integer(projected || first is null || first[0] == Insert ? _items[0][2] : first[1]);
    }

    // The released code is told widths where they follow from what comes before.
    void CheckWidths(List<string[]> layers, int dim, bool projected)
    {
        var (teller, width, vector) = (_items[0][0] == Cls ? Cls : $"'{string.Join(':', _items[0])}', the first,", (int?)dim, false);
        foreach (var item in layers)
        {
            int? told = item[0] switch { Insert => Integer(_items[0][2]), "Attention" or "Dense" => Integer(item[1]), _ => null };
            if (told is { } t && width is { } w && t != w)
            {
                _faults.Add($"{teller} has width {w} and {item[0]} {t}");
                return;
            }
            (teller, width) = item[0] switch
            {
                "Attention" => ("Attention", Integer(item[1])),
                "Dense" => ("Dense", Integer(item[2])),
                "Flatten" when !vector => ("Flatten", null),                               // as many as there are tokens
                _ => (teller, width),
            };
            vector |= item[0] is "Extract_CLS_Token" or "FullyPool" or "Flatten";
        }
        if (projected && width != dim)
        {
            _faults.Add($"the layers end with {(width is { } w ? $"width {w}" : "all tokens side by side")} and the fusion head's last layer takes {dim}: end with a Dense to {dim}");
        }
    }

    AttentionConfig? Refused(string fault)
    {
        _faults.Add(fault);
        return null;
    }

    static TokenLayer Layer(string[] item) => item[0] switch
    {
        Insert => new TokenLayer.InsertCls(),
        "Attention" => new TokenLayer.Transformer(Integer(item[2]), Real(item[3]), Integer(item[4])),
        "Extract_CLS_Token" => new TokenLayer.First(),
        "FullyPool" => new TokenLayer.Mean(),
        "Flatten" => new TokenLayer.Flatten(),
        _ => new TokenLayer.Dense(Integer(item[2]), Enum.Parse<Activation>(item[3], ignoreCase: true)),
    };

    static string? Fault(string[] item)
    {
        var text = string.Join(':', item);
        if (!Words.TryGetValue(item[0], out var values))
        {
            return $"'{text}' is not a layer that can be used{(item[0] == "FullPool" ? " (the word for the tokens' mean is FullyPool)" : "")}; known are {string.Join(", ", Words.Keys)}";
        }
        if (item.Length != values + 1)
        {
            return $"'{text}' has {item.Length - 1} values, expected {values}";
        }
        return item[0] switch
        {
            Cls => Numbers(text, item[2..]),
            "Dense" when item[3] is not ("identity" or "relu" or "sigmoid" or "tanh") => $"'{text}': '{item[3]}' is not identity, relu, sigmoid or tanh",
            "Dense" => Numbers(text, item[1..3]),
            "Attention" => Numbers(text, [item[1], item[2], item[4]])
                ?? (double.TryParse(item[3], NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? null : $"'{text}': '{item[3]}' is not a number"),
            _ => Numbers(text, item[1..]),
        };
    }

    static string? Numbers(string text, string[] values) => values.FirstOrDefault(value => !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } bad
        ? $"'{text}': '{bad}' is not a whole number" : null;

    static int Integer(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    static double Real(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
