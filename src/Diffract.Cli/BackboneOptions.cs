using System.CommandLine;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs name a backbone and how it computes.</summary>
sealed class BackboneOptions(bool modelRequired = true)
{
    public Option<string> Model { get; } = new("--model") { Description = "Checkpoint of a U-Net (.pt or .safetensors), or the name of a fetched one", Required = modelRequired, HelpName = "CKPT" };
    public Option<string?> Config { get; } = new("--config") { Description = "JSON of guided-diffusion's flags, where the weights do not tell all", HelpName = "FILE" };
    public Option<string> Precision { get; } = CommonOptions.Precision("fp32");
    public Option<string> Device { get; } = CommonOptions.DeviceOption();

    public IEnumerable<Option> All => [Model, Config, Precision, Device];

    public LoadedBackbone Open(ParseResult arguments, int? lastBlock, DType? precision = null, string? model = null)
    {
        var device = Torch.Device.Parse(arguments.GetValue(Device)!);
        var loaded = UNetLoader.Open(model ?? arguments.GetValue(Model)!, arguments.GetValue(Config), precision ?? CommonOptions.ParsePrecision(arguments.GetValue(Precision)!), device, lastBlock);
        ModelNotes.Print(loaded.Recognised);
        return new(loaded, device);
    }
}

/// <summary>A loaded net as workflows take it.</summary>
sealed record LoadedBackbone(LoadedUNet Loaded, Device Device) : IDisposable
{
    public Backbone Backbone { get; } = new(Loaded.Net, Path.GetFileName(Loaded.Path), Loaded.Fingerprint, Loaded.Recognised.Schedule);

    public void Dispose() => Loaded.Dispose();
}
