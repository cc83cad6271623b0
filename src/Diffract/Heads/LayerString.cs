using System.Globalization;

namespace Diffract.Heads;

/// <summary>Reads the released code's layer strings.</summary>
static class LayerString
{
    // Each layer's word, and how many values follow it.
    static readonly Dictionary<string, int> Words = new() { ["Use_CLS_Token"] = 2, ["Pool"] = 2, ["Reshape"] = 0, ["Insert_CLS_Token"] = 0, ["Attention"] = 4, ["Extract_CLS_Token"] = 0, ["Dense"] = 3 };
    static readonly string[] WithProjection = ["Use_CLS_Token", "Insert_CLS_Token", "Attention", "Extract_CLS_Token"];

    public static AttentionConfig Read(string text)
    {
        var layers = text.Split('/')[0].Split(',').Select(item => item.Trim().Split(':')).ToList();
        var faults = layers.Select(Fault).OfType<string>().ToList();
        var words = layers.Select(layer => layer[0]).ToArray();
        string[][] orders = [WithProjection, .. Headed(pool: false), .. Headed(pool: true)];
        if (faults.Count == 0 && !orders.Any(order => order.SequenceEqual(words)))
        {
            faults.Add($"the layers are {string.Join(", ", words)}; expected {string.Join(", ", WithProjection)}, or Use_CLS_Token, [Pool,] Reshape, Insert_CLS_Token, Attention, Extract_CLS_Token[, Dense]");
        }
        HeadConfigException.ThrowIfAny($"layer string '{text}'", faults);

        string[]? Find(string word) => layers.Find(layer => layer[0] == word);
        var (cls, attention, dense, pool) = (Find("Use_CLS_Token")!, Find("Attention")!, Find("Dense"), Find("Pool"));
        var config = new AttentionConfig
        {
            Tokens = Find("Reshape") is null ? new TokenConfig.Projected()
                : pool is null ? new TokenConfig.Pooled(1) : new TokenConfig.Pooled(Integer(pool[1]), pool[1] == pool[2] ? null : Integer(pool[2])),
            Dim = Integer(attention[1]),
            Heads = Integer(attention[2]),
            MlpRatio = double.Parse(attention[3], CultureInfo.InvariantCulture),
            Depth = Integer(attention[4]),
            Classes = dense is null ? 0 : Integer(dense[2]),
        };
        foreach (var (layer, width) in new[] { ("Use_CLS_Token", cls[2]), ("Dense", dense?[1]) })
        {
            if (width is not null && Integer(width) != config.Dim)
            {
                faults.Add($"{layer} has width {width} and Attention {config.Dim}");
            }
        }
        HeadConfigException.ThrowIfAny($"layer string '{text}'", [.. faults, .. config.Faults(complete: false)]);
        return config;
    }

    static string[][] Headed(bool pool)
    {
        string[] layers = ["Use_CLS_Token", .. pool ? ["Pool"] : Array.Empty<string>(), "Reshape", .. WithProjection[1..]];
        return [layers, [.. layers, "Dense"]];
    }

    static string? Fault(string[] layer)
    {
        var text = string.Join(':', layer);
        if (!Words.TryGetValue(layer[0], out var values))
        {
            return $"'{text}' is not a layer that can be used; known are {string.Join(", ", Words.Keys)}";
        }
        if (layer.Length != values + 1)
        {
            return $"'{text}' has {layer.Length - 1} values, expected {values}";
        }
        return layer[0] switch
        {
            "Use_CLS_Token" when layer[1] != "True" => $"'{text}': the head always has a CLS token (the released code takes every text here for True); write True",
            "Use_CLS_Token" => Numbers(text, layer[2..]),
            "Dense" when layer[3] != "identity" => $"'{text}': the last layer gives logits; write identity",
            "Dense" => Numbers(text, layer[1..3]),
            "Attention" => Numbers(text, [layer[1], layer[2], layer[4]])
                ?? (double.TryParse(layer[3], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _) ? null : $"'{text}': '{layer[3]}' is not a number"),
            _ => Numbers(text, layer[1..]),
        };
    }

    static string? Numbers(string text, string[] values) => values.FirstOrDefault(value => !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } bad
        ? $"'{text}': '{bad}' is not a whole number" : null;

    static int Integer(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
