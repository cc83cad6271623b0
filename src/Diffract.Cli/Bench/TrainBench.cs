using System.CommandLine;
using System.Text.Json;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench train`: whole steps of pre-training.</summary>
static class TrainBench
{
    public static Command Create()
    {
        var common = new BenchOptions("small32", batch: 32, repeat: 3);
        var verb = new Command("train", "Seconds a picture for a step of pre-training");
        common.All.ToList().ForEach(verb.Options.Add);
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                var sample = Workflows.Bench.Train(BenchNets.Config(arguments.GetValue(common.Config)!), arguments.GetValue(common.Batch), CommonOptions.ParsePrecision(arguments.GetValue(common.Precision)!), Steps);
                Console.WriteLine(JsonSerializer.Serialize(sample, JsonOutput.Options));
                return 0;
            }
            return Compare(common, arguments).Run(common, arguments);
        });
        return verb;
    }

    const int Steps = 3; // timed in each turn

    static Comparison Compare(BenchOptions common, ParseResult arguments)
    {
        var config = arguments.GetValue(common.Config)!;
        var precisions = common.Precisions(arguments);
        List<string> told = [.. common.Common(arguments)];
        List<Contender> contenders = [.. precisions.Select(precision => Contender.Ours($"Diffract {precision}", "train", [.. told, "--precision", precision]))];
        List<(string, string)> ratios = [];
        if (Peer.Of(arguments, common) is { } peer)
        {
            foreach (var precision in precisions)
            {
                var (name, options) = precision == "bf16" ? (Peer.BFloat16, (string[])["--dtype", "bfloat16", "--channels-last"]) : (Peer.Float32, []);
                contenders.Add(peer.Contender(name, "train", [.. told, "--repeat", Peer.Text(Steps), .. options]));
                ratios.Add(($"Diffract {precision}", name));
            }
            ratios.AddRange(Peer.AcrossPrecisions(precisions));
        }
        return new(config == "small32" ? "train" : $"train-{config}", $"{config}: a step of pre-training, batch {arguments.GetValue(common.Batch)}", contenders, ratios);
    }
}
