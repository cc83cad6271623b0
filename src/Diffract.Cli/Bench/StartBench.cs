using System.CommandLine;
using System.Text.Json;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench start`: from the start of the program to the first picture's features.</summary>
static class StartBench
{
    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 3);
        var block = new Option<int>("--block") { Description = "Where the pass stops", DefaultValueFactory = _ => 24 };
        var model = new Option<string?>("--model") { Description = "A checkpoint; left out: random weights in float16, written to a temporary file first", HelpName = "CKPT" };
        var verb = new Command("start", "Seconds from the start of the program to the first picture's features, weights in the page cache") { block, model, common.Config, common.Precision, common.Repeat, common.Threads, common.Out, common.Json, common.Child };
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var config = arguments.GetValue(common.Config)!;
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                Console.WriteLine(JsonSerializer.Serialize(Workflows.Bench.Start(arguments.GetValue(model)!, arguments.GetValue(block), CommonOptions.ParsePrecision(arguments.GetValue(common.Precision)!)), JsonOutput.Options));
                return 0;
            }
            using var folder = new ScratchFolder();
            var file = arguments.GetValue(model) ?? Path.Combine(folder.Path, "random.safetensors");
            if (arguments.GetValue(model) is null)
            {
                BenchNets.WriteCheckpoint(file, BenchNets.Config(config), DType.Float16, seed: 0);
            }
            var contenders = common.Precisions(arguments).Select(precision => Contender.Ours($"Diffract {precision}", "start",
                ["--model", file, "--block", Peer.Text(arguments.GetValue(block)), "--precision", precision, .. arguments.GetValue(common.Threads) is { } threads ? (string[])["--threads", Peer.Text(threads)] : []]));
            return new Comparison(config == "full256" ? "start" : $"start-{config}", $"{config}: start of the program to the first features of block {arguments.GetValue(block)}", [.. contenders], []).Run(common, arguments);
        });
        return verb;
    }
}
