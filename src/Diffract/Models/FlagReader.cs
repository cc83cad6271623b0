using System.Globalization;
using System.Text.Json;

namespace Diffract.Models;

/// <summary>Turns guided-diffusion's flags into a <see cref="UNetConfig"/>, with that code's defaults, and collects every fault.</summary>
sealed class FlagReader(JsonElement json, string where)
{
    // Flags of guided-diffusion that say nothing about the net's weights.
    static readonly HashSet<string> Ignored =
    [
        "use_checkpoint", "use_fp16", "diffusion_steps", "noise_schedule", "timestep_respacing", "use_kl", "predict_xstart", "rescale_timesteps",
        "rescale_learned_sigmas", "large_size", "small_size",
    ];

    readonly List<string> _faults = [];
    readonly HashSet<string> _read = [];

    public UNetConfig Read()
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new UNetConfigException($"{where}: expected a JSON object of guided-diffusion's flags, found {json.ValueKind}");
        }
        var size = Integer("image_size", 64, 1, 8192);
        var mult = ChannelMult(size);
        var classes = Boolean("class_cond", false) ? Integer("num_classes", 1000, 1, 1_000_000) : (int?)null;
        var config = new UNetConfig
        {
            ImageSize = size,
            InChannels = Integer("in_channels", 3, 1, 64),
            OutChannels = Boolean("learn_sigma", false) ? 6 : 3,
            ModelChannels = Integer("num_channels", 128, 2, 65536),
            NumResBlocks = Integer("num_res_blocks", 2, 1, 64),
            ChannelMult = mult,
            AttentionFactors = AttentionFactors(size),
            NumHeads = Integer("num_heads", 4, 1, 1024),
            NumHeadsUpsample = OrNull("num_heads_upsample", 1024),
            NumHeadChannels = OrNull("num_head_channels", 65536),
            NewAttentionOrder = Boolean("use_new_attention_order", false),
            ScaleShiftNorm = Boolean("use_scale_shift_norm", true),
            ResblockUpdown = Boolean("resblock_updown", false),
            Classes = classes,
            Dropout = Real("dropout", 0, 0, 1),
        };
        _read.Add("num_classes");
        var unknown = json.EnumerateObject().Select(p => p.Name).Where(name => !_read.Contains(name) && !Ignored.Contains(name)).ToList();
        if (unknown.Count > 0)
        {
            _faults.Add($"unknown flags {string.Join(", ", unknown)}; known are {string.Join(", ", _read.Order())}");
        }
        CheckWidths(config);
        return _faults.Count == 0 ? config : throw new UNetConfigException($"{where}: {string.Join("; ", _faults)}");
    }

    // -1 is guided-diffusion's way to leave it out.
    int? OrNull(string name, int high)
    {
        var value = Integer(name, -1, -1, high);
        if (value == 0)
        {
            _faults.Add($"{name} is 0, expected an integer in 1..{high}, or -1 to leave it out");
        }
        return value < 1 ? null : value;
    }

    void CheckWidths(UNetConfig config)
    {
        for (var level = 0; level < config.Levels; level++)
        {
            var width = config.Width(level);
            if (width % 32 != 0)
            {
                _faults.Add($"level {level} has {width} channels, group norm needs a multiple of 32");
            }
            else if (config.NumHeadChannels is { } head && config.AttentionFactors.Contains(1 << level) && width % head != 0)
            {
                _faults.Add($"level {level} has {width} channels, which heads of {head} do not divide");
            }
        }
    }

    IReadOnlyList<double> ChannelMult(int size)
    {
        var text = Text("channel_mult", "");
        if (text.Length == 0)
        {
            switch (size)
            {
                case 512: return [0.5, 1, 1, 2, 2, 4, 4];
                case 256: return [1, 1, 2, 2, 4, 4];
                case 128: return [1, 1, 2, 3, 4];
                case 64: return [1, 2, 3, 4];
            }
            _faults.Add($"channel_mult is not given, and there is no default for image_size {size} (only for 64, 128, 256, 512)");
            return [1];
        }
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var mult = new List<double>();
        foreach (var part in parts)
        {
            if (double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var factor) && factor is > 0 and <= 64)
            {
                mult.Add(factor);
            }
            else
            {
                _faults.Add($"channel_mult '{text}': '{part}' is not a factor in (0, 64]");
            }
        }
        if (mult.Count is 0 or > 12)
        {
            _faults.Add($"channel_mult '{text}': expected 1 to 12 factors");
            return [1];
        }
        return mult;
    }

    HashSet<int> AttentionFactors(int size)
    {
        var text = Text("attention_resolutions", "16,8");
        var factors = new HashSet<int>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var resolution) && resolution > 0)
            {
                factors.Add(size / resolution);
            }
            else
            {
                _faults.Add($"attention_resolutions '{text}': '{part}' is not a size in pixels");
            }
        }
        return factors;
    }

    JsonElement? Find(string name)
    {
        _read.Add(name);
        return json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    int Integer(string name, int otherwise, int low, int high)
    {
        if (Find(name) is not { } value)
        {
            return otherwise;
        }
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= low && number <= high)
        {
            return number;
        }
        _faults.Add($"{name} is {value.GetRawText()}, expected an integer in {low}..{high}");
        return otherwise;
    }

    double Real(string name, double otherwise, double low, double high)
    {
        if (Find(name) is not { } value)
        {
            return otherwise;
        }
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= low && number <= high)
        {
            return number;
        }
        _faults.Add($"{name} is {value.GetRawText()}, expected a number in {low}..{high}");
        return otherwise;
    }

    bool Boolean(string name, bool otherwise)
    {
        switch (Find(name))
        {
            case null: return otherwise;
            case { ValueKind: JsonValueKind.True }: return true;
            case { ValueKind: JsonValueKind.False }: return false;
            case { } value:
                _faults.Add($"{name} is {value.GetRawText()}, expected true or false");
                return otherwise;
        }
    }

    // Lists come as "32,16,8" in guided-diffusion; a JSON array or a single number says the same.
    string Text(string name, string otherwise) => Find(name) switch
    {
        null => otherwise,
        { ValueKind: JsonValueKind.String } value => value.GetString()!,
        { ValueKind: JsonValueKind.Number } value => value.GetRawText(),
        { ValueKind: JsonValueKind.Array } value => string.Join(",", value.EnumerateArray().Select(v => v.GetRawText())),
        { } value => Fault($"{name} is {value.GetRawText()}, expected a list such as \"32,16,8\"", otherwise),
    };

    string Fault(string text, string otherwise)
    {
        _faults.Add(text);
        return otherwise;
    }
}
