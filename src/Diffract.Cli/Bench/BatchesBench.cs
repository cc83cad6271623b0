using System.CommandLine;

namespace Diffract.Cli.Bench;

/// <summary>`bench batches`: what a picture costs alone and in larger batches.</summary>
static class BatchesBench
{
    static readonly int[] Sizes = [1, 4, 8];

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 3);
        var block = new Option<int>("--block") { Description = "Where the pass stops", DefaultValueFactory = _ => 24 };
        var verb = new Command("batches", $"Seconds a picture for the pass to a block, {string.Join(", ", Sizes)} pictures at a time") { block, common.Config, common.Precision, common.Repeat, common.Threads, common.Out, common.Json };
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var config = arguments.GetValue(common.Config)!;
            List<Contender> contenders = [];
            List<(string, string)> ratios = [];
            foreach (var precision in common.Precisions(arguments))
            {
                string Name(int size) => $"Diffract {precision}, batch {size}";
                contenders.AddRange(Sizes.Select(size => Contender.Ours(Name(size), "extract",
                    ["--config", config, "--batch", Peer.Text(size), "--block", Peer.Text(arguments.GetValue(block)), "--precision", precision, .. arguments.GetValue(common.Threads) is { } threads ? (string[])["--threads", Peer.Text(threads)] : []])));
                ratios.AddRange(Sizes[1..].Select(size => (Name(1), Name(size))));
            }
            return new Comparison(config == "full256" ? "batches" : $"batches-{config}", $"{config}: the pass to block {arguments.GetValue(block)} in batches", contenders, ratios).Run(common, arguments);
        });
        return verb;
    }
}
