using System.Text.Json;
using Diffract.Torch;

namespace Diffract.Models;

/// <summary>Checkpoints of U-Nets that carry their own configuration, as this program writes them.</summary>
public static class UNetFile
{
    /// <summary>Key of the safetensors metadata under which guided-diffusion's flags stand.</summary>
    public const string ConfigKey = "diffract.unet", ScheduleKey = "diffract.noise_schedule";

    /// <summary>Key under which stands how the file was made, and what that begins with where the weights are random.</summary>
    internal const string MadeWithKey = "diffract.made_with", RandomWeights = "random weights";

    /// <summary>Writes a net's weights with its configuration.</summary>
    /// <param name="entries">Tensors under the checkpoint's names.</param>
    /// <param name="facts">Further strings to keep: how it was made.</param>
    public static void Write(string path, UNetConfig config, string schedule, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? facts = null)
    {
        var metadata = new Dictionary<string, string>(facts ?? new Dictionary<string, string>())
        {
            [ConfigKey] = config.ToJson().ToJsonString(),
            [ScheduleKey] = schedule,
        };
        SafetensorsWriter.Write(path, entries, metadata);
    }

    /// <summary>The configuration that the file carries; null where it carries none.</summary>
    /// <exception cref="UNetConfigException">It carries one that cannot be used.</exception>
    public static UNetConfig? Config(CheckpointFile file)
    {
        if (!file.Metadata.TryGetValue(ConfigKey, out var json))
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(json);
            return UNetConfig.Parse(document.RootElement, $"{file.Path} ({ConfigKey})");
        }
        catch (JsonException exception)
        {
            throw new UNetConfigException($"{file.Path}: its metadata '{ConfigKey}' is not JSON: {exception.Message}");
        }
    }

    /// <summary>Where the weights come from, for people.</summary>
    internal static string Origin(CheckpointFile file) =>
        file.Metadata.GetValueOrDefault(MadeWithKey, "").StartsWith(RandomWeights, StringComparison.Ordinal) ? RandomWeights : "pre-trained with Diffract";

    public static string Schedule(CheckpointFile file) => file.Metadata.GetValueOrDefault(ScheduleKey, "linear");
}
