using System.CommandLine;
using System.Text.Json;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench extract`: the pass of a net to a block, which is nearly all that extraction costs.</summary>
static class ExtractBench
{
    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 4, repeat: 3);
        var block = new Option<int>("--block") { Description = "Where the pass stops", DefaultValueFactory = _ => 24 };
        var model = new Option<string?>("--model") { Description = "A checkpoint of the same net, instead of random weights made in memory", HelpName = "CKPT" };
        var verb = new Command("extract", "Seconds a picture for the pass to a block") { block, model };
        common.All.ToList().ForEach(verb.Options.Add);
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var last = common.Block(arguments, arguments.GetValue(block));
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                var (batch, precision) = (arguments.GetValue(common.Batch), CommonOptions.ParsePrecision(arguments.GetValue(common.Precision)!));
                var (config, repeat) = (arguments.GetValue(common.Config)!, Passes(arguments.GetValue(common.Config)!));
                var sample = arguments.GetValue(model) is { } file
                    ? Workflows.Bench.Extract(file, last, batch, precision, repeat)
                    : Workflows.Bench.Extract(BenchNets.Config(config), last, batch, precision, repeat);
                Console.WriteLine(JsonSerializer.Serialize(sample, JsonOutput.Options));
                return 0;
            }
            return Compare(common, arguments, last, arguments.GetValue(model)).Run(common, arguments);
        });
        return verb;
    }

    // Of each turn, whose median counts: a pass of the small net takes a tenth of a second, too little for few to tell; all blocks of the large one take half a minute.
    static int Passes(string config, bool all = false) => config != "full256" ? 15 : all ? 1 : 3;

    static Comparison Compare(BenchOptions common, ParseResult arguments, int block, string? model)
    {
        var config = arguments.GetValue(common.Config)!;
        var precisions = common.Precisions(arguments);
        List<string> told = [.. common.Common(arguments), "--block", Peer.Text(block)];
        List<Contender> contenders = [.. precisions.Select(precision => Contender.Ours($"Diffract {precision}", "extract", [.. told, "--precision", precision, .. model is null ? (string[])[] : ["--model", model]]))];
        List<(string, string)> ratios = [];
        if (Peer.Of(arguments, common) is { } peer)
        {
            const string Stopped = Peer.Float32, Best = Peer.BFloat16, Full = "PyTorch fp32, all blocks";
            contenders.Add(peer.Contender(Stopped, "time", [.. told, "--repeat", Peer.Text(Passes(config))]));
            if (precisions.Contains("bf16"))
            {
                contenders.Add(peer.Contender(Best, "time", [.. told, "--repeat", Peer.Text(Passes(config)), "--dtype", "bfloat16", "--channels-last"]));
            }
            ratios.AddRange(precisions.Select(precision => ($"Diffract {precision}", precision == "bf16" ? Best : Stopped)));
            ratios.AddRange(Peer.AcrossPrecisions(precisions));
            if (block < BenchNets.Blocks(config))
            {
                contenders.Add(peer.Contender(Full, "time", [.. told, "--repeat", Peer.Text(Passes(config, all: true)), "--full"]));
                ratios.AddRange(precisions.Select(precision => ($"Diffract {precision}", Full)));
            }
        }
        var batch = arguments.GetValue(common.Batch);
        return new(config != "full256" ? $"extract-{config}" : batch == 4 ? "extract" : $"extract-batch{batch}", $"{config}: the pass to block {block}, batch {batch}", contenders, ratios);
    }
}
