using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench checkpoint`: a file of random weights with a published layout, for trying and measuring without the real one, or as the baseline that pre-training must beat.</summary>
static class CheckpointBench
{
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = $"The net: {string.Join(", ", BenchNets.Names)}, a checkpoint whose shape and noise schedule are taken, or JSON of guided-diffusion's flags", DefaultValueFactory = _ => "full256" };
        var (output, precision, seed) = (CommonOptions.Out("The file, .safetensors"), CommonOptions.Precision("fp32"), CommonOptions.Seed());
        var verb = new Command("checkpoint", "Write a checkpoint of random weights") { config, output, precision, seed };
        verb.SetAction(arguments =>
        {
            var path = arguments.GetValue(output)!;
            var (net, schedule) = BenchNets.Net(arguments.GetValue(config)!);
            BenchNets.WriteCheckpoint(path, net, CommonOptions.ParsePrecision(arguments.GetValue(precision)!), arguments.GetValue(seed), schedule);
            Console.WriteLine($"{path}: {new FileInfo(path).Length / 1e9:f2} GB");
            return 0;
        });
        return verb;
    }
}
