using System.CommandLine;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench floor`: the whole pass beside the sum of its convolutions alone, in oneDNN, the fastest kind for each shape.</summary>
static class FloorBench
{
    const string Floor = "oneDNN, the convolutions alone";

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 4, repeat: 2);
        var block = new Option<int?>("--block") { Description = "Where the pass stops; left out: 24, or the last block of a smaller net" };
        var verb = new Command("floor", "The pass beside the sum of its convolutions alone, in oneDNN (needs g++ and libdnnl-dev)") { block, common.Config, common.Batch, common.Precision, common.Repeat, common.Threads, common.Out, common.Json };
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var config = arguments.GetValue(common.Config)!;
            var layout = new UNetLayout(BenchNets.Config(config));
            var last = common.Block(arguments, arguments.GetValue(block) ?? Math.Min(24, layout.Blocks.Count));
            using var folder = new ScratchFolder();
            var floor = Build(folder.Path, ConvShapes.Of(layout, last, layout.Config.ImageSize), arguments.GetValue(common.Batch), arguments.GetValue(common.Threads) ?? Torch.Torch.Threads);
            string[] told = [.. common.Common(arguments), "--block", Peer.Text(last)];
            var precisions = common.Precisions(arguments);
            List<Contender> contenders = [.. precisions.Select(precision => Contender.Ours($"Diffract {precision}", "extract", [.. told, "--precision", precision])), floor];
            return new Comparison(config == "full256" ? "floor" : $"floor-{config}", $"{config}: the pass to block {last} beside its convolutions alone, batch {arguments.GetValue(common.Batch)}", contenders,
                [.. precisions.Select(precision => ($"Diffract {precision}", Floor))]).Run(common, arguments);
        });
        return verb;
    }

    static Contender Build(string folder, IEnumerable<ConvShape> shapes, int batch, int threads)
    {
        var source = SourceTree.Root is { } root ? Path.Combine(root, "bench", "peer", "conv_floor.cpp") : throw new IOException("bench/peer/conv_floor.cpp is not there: the comparison runs in a source tree only");
        var (list, program) = (Path.Combine(folder, "shapes.txt"), Path.Combine(folder, "conv_floor"));
        File.WriteAllLines(list, shapes.CountBy(shape => shape).Select(pair => FormattableString.Invariant($"{pair.Key.In} {pair.Key.Side} {pair.Key.Out} {pair.Key.Kernel} {pair.Key.Stride} {pair.Value}")));
        if (!ChildProcess.Succeeds("g++", "-O2", source, "-ldnnl", "-o", program))
        {
            throw new IOException($"{source} could not be built. It needs g++ and oneDNN (Debian, Ubuntu: apt-get install g++ libdnnl-dev).");
        }
        return new(Floor, "env", [$"OMP_NUM_THREADS={threads}", program, list, Peer.Text(batch)], Peer.ReadTime);
    }
}
