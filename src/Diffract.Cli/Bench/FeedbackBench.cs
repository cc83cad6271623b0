using System.CommandLine;
using System.Text.Json;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench feedback`: training steps of feedback layers on a frozen net, both passes and the backward one.</summary>
static class FeedbackBench
{
    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 3);
        var block = new Option<int>("--block") { Description = "Of the second pass, where it stops", DefaultValueFactory = _ => 24 };
        var strategy = new Option<string>("--feedback") { Description = "all, bottleneck or windowed", DefaultValueFactory = _ => "bottleneck" };
        var recompute = new Option<bool>("--recompute") { Description = "Less memory: blocks are computed once more for the gradients" };
        var verb = new Command("feedback", "Seconds a picture for a step of training feedback layers (DifFeed)") { block, strategy, recompute };
        common.All.ToList().ForEach(verb.Options.Add);
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var net = BenchNets.Config(arguments.GetValue(common.Config)!);
            var (last, feedback) = (arguments.GetValue(block), arguments.GetValue(strategy)!);
            if (feedback is not ("all" or "bottleneck" or "windowed"))
            {
                throw new ArgumentException($"--feedback {feedback}: expected all, bottleneck or windowed");
            }
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                var sample = Workflows.Bench.Feedback(net, feedback, last, arguments.GetValue(common.Batch), CommonOptions.ParsePrecision(arguments.GetValue(common.Precision)!), repeat: 1, arguments.GetValue(recompute));
                Console.WriteLine(JsonSerializer.Serialize(sample, JsonOutput.Options));
                return 0;
            }
            var sources = FeedbackStrategy.Parse(feedback).On(new UNetLayout(net)).Pairs.Select(pair => Peer.Text(pair.From));
            return Compare(common, arguments, last, feedback, string.Join(",", sources), arguments.GetValue(recompute)).Run(common, arguments);
        });
        return verb;
    }

    static Comparison Compare(BenchOptions common, ParseResult arguments, int block, string strategy, string sources, bool recompute)
    {
        var config = arguments.GetValue(common.Config)!;
        var precisions = common.Precisions(arguments);
        List<string> told = [.. common.Common(arguments), "--block", Peer.Text(block)];
        List<Contender> contenders = [.. precisions.Select(precision => Contender.Ours($"Diffract {precision}", "feedback", [.. told, "--feedback", strategy, "--precision", precision, .. recompute ? (string[])["--recompute"] : []]))];
        List<(string, string)> ratios = [];
        if (Peer.Of(arguments, common) is { } peer)
        {
            foreach (var precision in precisions)
            {
                var (name, options) = precision == "bf16" ? (Peer.BFloat16, (string[])["--dtype", "bfloat16", "--channels-last"]) : (Peer.Float32, []);
                contenders.Add(peer.Contender(name, "feedback", [.. told, "--from", sources, "--repeat", "1", .. options]));
                ratios.Add(($"Diffract {precision}", name));
            }
            ratios.AddRange(Peer.AcrossPrecisions(precisions));
        }
        return new(config == "full256" ? "feedback" : $"feedback-{config}", $"{config}: a training step of {strategy} feedback, second pass to block {block}, batch {arguments.GetValue(common.Batch)}", contenders, ratios);
    }
}
