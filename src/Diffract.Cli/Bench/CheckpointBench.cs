using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench checkpoint`: a file of random weights with a published layout, for trying and measuring without the real one, or as the baseline that pre-training must beat.</summary>
static class CheckpointBench
{
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = $"The net: {string.Join(" or ", BenchNets.Names)}, or a checkpoint whose shape is taken", DefaultValueFactory = _ => "full256" };
        var (output, precision, seed) = (CommonOptions.Out("The file, .safetensors"), CommonOptions.Precision("fp32"), CommonOptions.Seed());
        var verb = new Command("checkpoint", "Write a checkpoint of random weights") { config, output, precision, seed };
        verb.SetAction(arguments =>
        {
            var path = arguments.GetValue(output)!;
            BenchNets.WriteCheckpoint(path, BenchNets.Config(arguments.GetValue(config)!), CommonOptions.ParsePrecision(arguments.GetValue(precision)!), arguments.GetValue(seed));
            Console.WriteLine($"{path}: {new FileInfo(path).Length / 1e9:f2} GB");
            return 0;
        });
        return verb;
    }
}
