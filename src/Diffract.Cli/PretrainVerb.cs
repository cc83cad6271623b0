using System.CommandLine;
using Diffract.Data;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class PretrainVerb
{
    public static Command Create()
    {
        var data = CommonOptions.Data();
        var output = CommonOptions.Out("Folder of the run: state, metrics, model.safetensors");
        var config = new Option<string?>("--config") { Description = "The net as JSON of guided-diffusion's flags; left out: 4.4 M parameters at 32x32", HelpName = "FILE" };
        var from = new Option<string?>("--from") { Description = "A checkpoint whose net, weights and (without --schedule) noise schedule to start from; left out: random weights", HelpName = "CKPT" };
        var pictures = new Option<long>("--pictures") { Description = "Pictures to see in all, repeats counted", DefaultValueFactory = _ => 400_000 };
        var batch = new Option<int>("--batch") { Description = "Pictures a step", DefaultValueFactory = _ => 128 };
        var rate = new Option<double>("--lr") { Description = "Peak learning rate of AdamW", DefaultValueFactory = _ => 4e-4 };
        var schedule = new Option<string>("--schedule") { Description = "Noise schedule: linear or cosine", DefaultValueFactory = _ => "linear" };
        var noFlip = new Option<bool>("--no-flip") { Description = "Do not mirror half of the pictures" };
        var (layout, classes, precision, seed, device, json) = (CommonOptions.Layout(), CommonOptions.Classes(), CommonOptions.Precision("bf16"), CommonOptions.Seed(), CommonOptions.DeviceOption(), CommonOptions.Json());
        var verb = new Command("pretrain", "Pre-train a small U-Net on unlabelled pictures") { data, layout, classes, output, config, from, pictures, batch, rate, schedule, noFlip, precision, seed, device, json };
        verb.SetAction(arguments =>
        {
            var start = arguments.GetValue(from) is { } checkpoint ? Recognise(checkpoint, arguments.GetValue(config)) : null;
            var recipe = new PretrainConfig
            {
                Net = start?.Config ?? (arguments.GetValue(config) is { } file ? UNetConfig.ReadFile(file) : SmallNet),
                From = arguments.GetValue(from),
                Pictures = arguments.GetValue(pictures),
                BatchSize = arguments.GetValue(batch),
                LearningRate = arguments.GetValue(rate),
                NoiseSchedule = start is not null && arguments.GetResult(schedule) is not { Implicit: false } ? start.Schedule : arguments.GetValue(schedule)!,
                Flip = !arguments.GetValue(noFlip),
                Precision = CommonOptions.ParsePrecision(arguments.GetValue(precision)!),
                Seed = arguments.GetValue(seed),
            };
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var path = Pretrain.Run(recipe, CommonOptions.Open(arguments.GetValue(data)!, arguments.GetValue(layout), arguments.GetValue(classes)), arguments.GetValue(output)!, Device.Parse(arguments.GetValue(device)!), progress.Report, Run.Cancellation);
            Console.WriteLine($"the model is {path}");
            return 0;
        });
        return verb;
    }

    static RecognisedNet Recognise(string checkpoint, string? config)
    {
        var (path, group) = UNetLoader.Split(checkpoint);
        using var file = CheckpointFile.Open(ModelCache.Resolve(path));
        return UNetRecognizer.Recognise(file, UNetLoader.Weights(file, group), config);
    }

    /// <summary>4.4 M parameters, 19 blocks: what two cores can pre-train in an hour.</summary>
    static UNetConfig SmallNet => new()
    {
        ImageSize = 32, OutChannels = 3, ModelChannels = 32, ChannelMult = [1, 2, 4], NumResBlocks = 2, AttentionFactors = new HashSet<int> { 4 }, NumHeadChannels = 32,
    };
}
