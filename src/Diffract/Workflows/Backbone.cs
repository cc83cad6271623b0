using System.Text.Json.Nodes;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A loaded backbone as workflows need it.</summary>
/// <param name="Name">The file's name, for people.</param> <param name="Sha256">Of the file: what a store and a head are bound to.</param>
public sealed record Backbone(UNet Net, string Name, string Sha256, string Schedule) : IDisposable
{
    /// <summary>The file it came from and what is known of it; null where it was made around a net of the caller's own.</summary>
    public LoadedUNet? Loaded { get; private init; }

    /// <summary>Which of its file's state dicts it is, such as ema; null where the file holds one net.</summary>
    public string? StateDict => Loaded?.StateDict;

    /// <inheritdoc cref="UNetLoader.Open"/>
    /// <returns>Dispose it after its last use: that frees the weights.</returns>
    public static Backbone Open(string model, string? configPath = null, DType precision = DType.Float32, Device? device = null, int? lastBlock = null)
    {
        var loaded = UNetLoader.Open(model, configPath, precision, device, lastBlock);
        try
        {
            return new(loaded.Net, Path.GetFileName(loaded.Path), loaded.Fingerprint, loaded.Recognised.Schedule) { Loaded = loaded };
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>All that features follow from: the file, what of it was read, and how it was understood.</summary>
    public JsonObject ToJson() => Facts(Name, Sha256, Net.Config, Schedule, StateDict);

    internal static JsonObject Facts(string name, string sha256, UNetConfig net, string schedule, string? stateDict)
    {
        var json = new JsonObject { ["name"] = name, ["sha256"] = sha256, ["unet"] = net.ToJson(), ["noiseSchedule"] = schedule };
        if (stateDict is not null) { json["stateDict"] = stateDict; }
        return json;
    }

    /// <summary>In what one backbone is not another, both as <see cref="ToJson"/> gives them: what was used before and is now, and what to do; null where they are the same net.</summary>
    internal static (string Fault, string Remedy)? Difference(JsonNode before, JsonNode now)
    {
        static string Short(JsonNode backbone) => ((string)backbone["sha256"]!)[..12] + "...";
        if ((string?)before["sha256"] != (string?)now["sha256"])
        {
            return ($"{before["name"]} (SHA-256 {Short(before)}), not of {now["name"]} ({Short(now)})", "Use that checkpoint");
        }
        if (before["unet"] is null)
        {
            return null;                                                                   // an earlier version's record
        }
        if (before["stateDict"] is null && now["stateDict"] is not null)
        {
            return ($"{before["name"]} without a word of which net in it, made by an earlier version", "Make them anew");
        }
        JsonObject[] facts = [Reading(before), Reading(now)];
        string[] other = [.. facts[0].Select(pair => pair.Key).Union(facts[1].Select(pair => pair.Key)).Where(key => !JsonNode.DeepEquals(facts[0][key], facts[1][key]))
            .Select(key => $"{key} {facts[0][key]?.ToJsonString() ?? "none"}, now {facts[1][key]?.ToJsonString() ?? "none"}")];
        return other.Length == 0 ? null : ($"{before["name"]} read otherwise: {string.Join("; ", other)}", "Read it as then (FILE#STATEDICT of several, --config)");

        static JsonObject Reading(JsonNode backbone)
        {
            var facts = backbone["unet"]!.DeepClone().AsObject();
            facts.Remove("dropout");                                                       // not in features
            (facts["noise_schedule"], facts["state_dict"]) = (backbone["noiseSchedule"]?.DeepClone(), backbone["stateDict"]?.DeepClone());
            return facts;
        }
    }

    /// <summary>Frees what <see cref="Open"/> loaded; a net of the caller's own is left alone.</summary>
    public void Dispose() => Loaded?.Dispose();
}
