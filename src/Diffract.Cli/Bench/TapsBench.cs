using System.CommandLine;
using System.Text.Json;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench taps`: many blocks and pools read on the way, beside the same passes with one pooled block.</summary>
static class TapsBench
{
    static readonly int[] Steps = [90, 150, 300];

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 3);
        var few = new Option<bool>("--deepest-only") { Hidden = true };
        var verb = new Command("taps", "Seconds a picture for three steps, three blocks and two pools, beside the deepest block alone") { few, common.Config, common.Batch, common.Precision, common.Repeat, common.Threads, common.Out, common.Json, common.Child };
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var config = arguments.GetValue(common.Config)!;
            int[] blocks = config == "full256" ? [19, 24, 30] : [10, 12, 15];
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                var (taps, pools) = arguments.GetValue(few) ? (blocks[^1..], new[] { 1 }) : (blocks, new[] { 1, 2 });
                Console.WriteLine(JsonSerializer.Serialize(
                    Workflows.Bench.Taps(BenchNets.Config(config), Steps, taps, pools, arguments.GetValue(common.Batch), CommonOptions.ParsePrecision(arguments.GetValue(common.Precision)!), repeat: 1), JsonOutput.Options));
                return 0;
            }
            List<Contender> contenders = [];
            List<(string, string)> ratios = [];
            foreach (var precision in common.Precisions(arguments))
            {
                string[] told = [.. common.Common(arguments), "--precision", precision];
                var (all, one) = ($"{precision}, blocks {string.Join(", ", blocks)}, pools 1 and 2", $"{precision}, block {blocks[^1]}, pool 1");
                contenders.AddRange([Contender.Ours(all, "taps", told), Contender.Ours(one, "taps", [.. told, "--deepest-only"])]);
                ratios.Add((all, one));
            }
            return new Comparison(config == "full256" ? "taps" : $"taps-{config}", $"{config}: steps {string.Join(", ", Steps)}, batch {arguments.GetValue(common.Batch)}", contenders, ratios).Run(common, arguments);
        });
        return verb;
    }
}
