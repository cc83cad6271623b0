using System.Text.Json;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Trained heads with their configuration, as this program writes them.</summary>
public static class HeadFile
{
    /// <summary>Key of the safetensors metadata under which the configuration stands.</summary>
    public const string ConfigKey = "diffract.head";

    /// <summary>Writes a head.</summary>
    /// <param name="tensors">Parameters and buffers, as <see cref="ParameterStore.All"/> or <see cref="LinearGrid.Candidate"/> gives them.</param>
    /// <param name="facts">Further strings to keep: how it was made.</param>
    public static void Write(string path, HeadConfig config, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? facts = null) =>
        SafetensorsWriter.Write(path, tensors.Select(pair => pair.Value.ToEntry(pair.Key)),
            new Dictionary<string, string>(facts ?? new Dictionary<string, string>()) { [ConfigKey] = config.ToJson().ToJsonString() });

    /// <summary>The configuration that the file carries.</summary>
    /// <exception cref="HeadConfigException">It carries none, or one that cannot be used.</exception>
    public static HeadConfig Config(CheckpointFile file)
    {
        if (!file.Metadata.TryGetValue(ConfigKey, out var text))
        {
            throw new HeadConfigException($"{file.Path}: is no head that was trained here: its metadata has no '{ConfigKey}'. Give the head.safetensors that `diffract train` wrote; `diffract import-head` makes one of a head of the released code.");
        }
        try
        {
            using var document = JsonDocument.Parse(text);
            var config = HeadConfig.Parse(document.RootElement, $"{file.Path} ({ConfigKey})");
            config.Check($"{file.Path} ({ConfigKey})");
            return config;
        }
        catch (JsonException exception)
        {
            throw new HeadConfigException($"{file.Path}: its metadata '{ConfigKey}' is not JSON: {exception.Message}");
        }
    }
}
