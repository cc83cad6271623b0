using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Models;

/// <summary>A file of guided-diffusion's flags: the net's, and those of the noise process it was trained with.</summary>
sealed record UNetFlags(UNetConfig Config, string Schedule, int Steps, double TimestepScale)
{
    /// <param name="fromShapes">Fills in what guided-diffusion has no flag for (input channels, number of classes); may be null.</param>
    /// <exception cref="UNetConfigException">The file cannot be used; all faults are named.</exception>
    public static UNetFlags ReadFile(string path, UNetConfig? fromShapes)
    {
        try
        {
            var json = JsonNode.Parse(UNetConfig.ReadText(path)) as JsonObject ?? throw new UNetConfigException($"{path}: expected a JSON object of guided-diffusion's flags");
            Fill(json, "image_size", json["large_size"]);                                  // an upsampler's name for it
            Fill(json, "in_channels", fromShapes?.InChannels);
            Fill(json, "num_classes", fromShapes?.Classes);
            using var document = JsonDocument.Parse(json.ToJsonString());
            var config = UNetConfig.Parse(document.RootElement, path);
            var (steps, schedule) = (StepsOf(document.RootElement, path), ScheduleOf(document.RootElement, path));
            var scaled = document.RootElement.TryGetProperty("rescale_timesteps", out var flag) && flag.ValueKind == JsonValueKind.True;
            return new(config, schedule, steps, scaled ? 1000.0 / steps : 1);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            throw new UNetConfigException($"{path}: not JSON: {exception.Message}");
        }
    }

    /// <summary>What a net's shapes show, flag by flag.</summary>
    /// <param name="imageSize">In whose terms attention is given.</param>
    public static IEnumerable<(string Flag, string Value)> Visible(UNetConfig config, int imageSize)
    {
        static string YesNo(bool value) => value ? "true" : "false";
        yield return ("num_channels", Text(config.ModelChannels));
        yield return ("channel_mult", string.Join(",", config.ChannelMult.Select(m => m.ToString(CultureInfo.InvariantCulture))));
        yield return ("num_res_blocks", Text(config.NumResBlocks));
        yield return ("attention_resolutions", string.Join(",", Enumerable.Range(0, config.Levels).Select(l => 1 << l).Where(config.AttentionFactors.Contains).Select(f => Text(imageSize / f))));
        yield return ("use_scale_shift_norm", YesNo(config.ScaleShiftNorm));
        yield return ("resblock_updown", config.Levels == 1 ? "either" : YesNo(config.ResblockUpdown));
        yield return ("class_cond", YesNo(config.Classes is not null));
        yield return ("num_classes", config.Classes is { } classes ? Text(classes) : "none");
        yield return ("in_channels", Text(config.InChannels));
        yield return ("learn_sigma", config.OutChannels switch { 3 => "false", 6 => "true", var n => $"neither ({n} output channels)" });
    }

    static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    static void Fill(JsonObject json, string name, JsonNode? value)
    {
        if (!json.ContainsKey(name) && value is not null)
        {
            json[name] = value.DeepClone();
        }
    }

    static int StepsOf(JsonElement json, string path) => !json.TryGetProperty("diffusion_steps", out var value) ? 1000
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var steps) && steps is >= 1 and <= 1_000_000 ? steps
        : throw new UNetConfigException($"{path}: diffusion_steps is {value.GetRawText()}, expected an integer in 1..1000000");

    static string ScheduleOf(JsonElement json, string path) => !json.TryGetProperty("noise_schedule", out var value) ? "linear"
        : value.ValueKind == JsonValueKind.String && value.GetString() is "linear" or "cosine" ? value.GetString()!
        : throw new UNetConfigException($"{path}: noise_schedule is {value.GetRawText()}, expected \"linear\" or \"cosine\"");
}
