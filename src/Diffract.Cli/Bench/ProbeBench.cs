using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Torch;
using Diffract.Workflows;
using Workflow = Diffract.Workflows.ProbeBench;

namespace Diffract.Cli.Bench;

/// <summary>`bench probe`: training of heads from a store, and what it saves that features are stored.</summary>
static class ProbeBench
{
    const string Grid = "Diffract linear, {0} candidates in one pass", Attention = "Diffract attention", Extraction = "Diffract extraction to block {0}",
        Stored = "Diffract linear probe, features stored", Anew = "Diffract linear probe, features anew every epoch";

    public static Command Create()
    {
        var common = new BenchOptions("small32", batch: 128, repeat: 3);
        var pictures = new Option<int>("--pictures") { Description = "Random pictures' features in the linear head's store", DefaultValueFactory = _ => 4096 };
        var few = new Option<int>("--attention-pictures") { Description = "The same for the attention head", DefaultValueFactory = _ => 512 };
        var epochs = new Option<int>("--epochs") { Description = "Epochs a turn", DefaultValueFactory = _ => 8 };
        var study = new Option<int>("--study-epochs") { Description = "Epochs of the whole probe, for which features are made once or every time", DefaultValueFactory = _ => 28 };
        var what = new Option<string>("--what") { Hidden = true, DefaultValueFactory = _ => "linear" };
        var features = new Option<string?>("--features") { Hidden = true };
        var verb = new Command("probe", "Seconds a picture and epoch for the training of heads from a store, and the saving by storing features") { pictures, few, epochs, study, what, features };
        common.All.Where(option => option != common.Precision).ToList().ForEach(verb.Options.Add);
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            if (((Option<int>[])[pictures, few, epochs, study]).FirstOrDefault(option => arguments.GetValue(option) < 1) is { } bad)
            {
                throw new ArgumentException($"{bad.Name} {arguments.GetValue(bad)}: expected 1 or more");
            }
            if (!arguments.GetValue(common.Child))
            {
                var sizes = new Sizes(arguments.GetValue(pictures), arguments.GetValue(few), arguments.GetValue(epochs), arguments.GetValue(study));
                return Compare(common, arguments, sizes);
            }
            common.SetThreads(arguments);
            var (net, batch) = (BenchNets.Config(arguments.GetValue(common.Config)!), arguments.GetValue(common.Batch));
            Console.WriteLine(JsonSerializer.Serialize(arguments.GetValue(what) switch
            {
                "linear" => Workflow.Train(arguments.GetValue(features)!, Workflow.Head(net, attention: false), Workflow.Candidates, batch, arguments.GetValue(epochs), repeat: 1),
                "attention" => Workflow.Train(arguments.GetValue(features)!, Workflow.Head(net, attention: true), [new(1e-3, 0.05)], batch, arguments.GetValue(epochs), repeat: 1),
                "extract" => Workflows.Bench.Extract(net, Workflow.Head(net, attention: false).Blocks[0].Block, batch, DType.Float32, repeat: 1),
                var other => Workflow.Study(net, arguments.GetValue(pictures), batch, arguments.GetValue(study), everyEpoch: other == "anew"),
            }, JsonOutput.Options));
            return 0;
        });
        return verb;
    }

    sealed record Sizes(int Pictures, int AttentionPictures, int Epochs, int StudyEpochs);

    static int Compare(BenchOptions common, ParseResult arguments, Sizes sizes)
    {
        var config = arguments.GetValue(common.Config)!;
        var net = BenchNets.Config(config);
        using var folder = new ScratchFolder();
        var (linear, attention) = (Path.Combine(folder.Path, "linear"), Path.Combine(folder.Path, "attention"));
        Workflow.WriteStore(linear, Workflow.Head(net, attention: false), net, sizes.Pictures);
        Workflow.WriteStore(attention, Workflow.Head(net, attention: true), net, sizes.AttentionPictures);
        return Comparison(common, arguments, sizes, linear, attention).Run(common, arguments);
    }

    static Comparison Comparison(BenchOptions common, ParseResult arguments, Sizes sizes, string linear, string attention)
    {
        var config = arguments.GetValue(common.Config)!;
        var block = Workflow.Head(BenchNets.Config(config), attention: false).Blocks[0].Block;
        var (grid, extraction) = (string.Format(CultureInfo.InvariantCulture, Grid, Workflow.Candidates.Count), string.Format(CultureInfo.InvariantCulture, Extraction, block));
        string[] told = [.. common.Common(arguments), "--epochs", Peer.Text(sizes.Epochs)];
        var small = Math.Min(arguments.GetValue(common.Batch), config == "small32" ? 32 : 4);   // a pass's maps are large
        string[] passes = ["--config", config, "--batch", Peer.Text(small), .. arguments.GetValue(common.Threads) is { } threads ? (string[])["--threads", Peer.Text(threads)] : []];
        List<Contender> contenders =
        [
            Contender.Ours(grid, "probe", [.. told, "--what", "linear", "--features", linear]),
            Contender.Ours(Attention, "probe", [.. told, "--what", "attention", "--features", attention]),
            Contender.Ours(extraction, "probe", [.. passes, "--what", "extract"]),
        ];
        List<(string, string)> ratios = [];
        if (config == "small32")                                                           // for the large net the whole probe is computed only
        {
            string[] probe = [.. passes, "--study-epochs", Peer.Text(sizes.StudyEpochs), "--pictures", Peer.Text(Math.Max(small, Math.Min(sizes.Pictures, 128)))];
            contenders.Add(Contender.Ours(Stored, "probe", [.. probe, "--what", "stored"]));
            contenders.Add(Contender.Ours(Anew, "probe", [.. probe, "--what", "anew"]));
            ratios.Add((Stored, Anew));
        }
        if (Peer.Of(arguments, common, "probe_eager.py") is { } peer)
        {
            const string OneByOne = "PyTorch linear, one by one", Batched = "PyTorch linear, one batched product", Theirs = "PyTorch attention";
            contenders.Add(peer.Contender(OneByOne, "linear", [.. told[2..], "--features", linear]));
            contenders.Add(peer.Contender(Batched, "batched", [.. told[2..], "--features", linear]));
            contenders.Add(peer.Contender(Theirs, "attention", [.. told[2..], "--features", attention]));
            ratios.AddRange([(grid, OneByOne), (grid, Batched), (Attention, Theirs)]);
        }
        return new(config == "small32" ? "probe" : $"probe-{config}", $"{config}, block {block}: an epoch of training heads from a store, batch {arguments.GetValue(common.Batch)}", contenders, ratios)
        {
            Notes = outcomes => [Saving(Cli.Bench.Comparison.Of(outcomes, extraction).Median, Cli.Bench.Comparison.Of(outcomes, grid).Median, sizes.StudyEpochs)],
        };
    }

    // n epochs of extraction and training against one extraction and n epochs of training.
    static string Saving(double extraction, double epoch, int epochs) => string.Create(CultureInfo.InvariantCulture,
        $"Computed from the rows above: {epochs} epochs of the linear grid take {epochs * (extraction + epoch):g4} s a picture with extraction in every epoch and {extraction + epochs * epoch:g4} s from a store, {epochs * (extraction + epoch) / (extraction + epochs * epoch):f1} times less.");
}
