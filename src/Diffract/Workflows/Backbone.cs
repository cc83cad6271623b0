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

    public JsonObject ToJson() => new() { ["name"] = Name, ["sha256"] = Sha256, ["unet"] = Net.Config.ToJson(), ["noiseSchedule"] = Schedule };

    /// <summary>Frees what <see cref="Open"/> loaded; a net of the caller's own is left alone.</summary>
    public void Dispose() => Loaded?.Dispose();
}
