using System.CommandLine;
using Diffract.Models;
using Diffract.Nn;
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

    public Option<double?> PackedMemory { get; } = new("--packed-memory") { Description = "Memory for weights in the form that is fastest to compute with, beside the weights themselves, in GiB; left out: a quarter of the machine's", HelpName = "GIB" };

    public IEnumerable<Option> All => [Model, Config, Precision, Device, PackedMemory];

    /// <summary>The net's blocks, without its weights.</summary>
    public UNetLayout Layout(ParseResult arguments)
    {
        var (path, group) = UNetLoader.Split(arguments.GetValue(Model)!);
        using var file = CheckpointFile.Open(ModelCache.Resolve(path));
        return new(UNetRecognizer.Recognise(file, UNetLoader.Weights(file, group), arguments.GetValue(Config)).Config);
    }

    public Backbone Open(ParseResult arguments, int? lastBlock, DType? precision = null, string? model = null)
    {
        if (arguments.GetValue(PackedMemory) is { } size)
        {
            Kernels.PackedMemory = size >= 0 && size < 1 << 20 ? (long)(size * (1L << 30)) : throw new ArgumentException($"--packed-memory {size}: expected GiB, 0 or more");
        }
        var device = Torch.Device.Parse(arguments.GetValue(Device)!);
        var backbone = Backbone.Open(model ?? arguments.GetValue(Model)!, arguments.GetValue(Config), precision ?? CommonOptions.ParsePrecision(arguments.GetValue(Precision)!), device, lastBlock);
        ModelNotes.Print(backbone.Loaded!.Recognised);
        return backbone;
    }
}
