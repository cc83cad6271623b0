using System.CommandLine;
using System.Text.Json;
using Diffract.Torch;
using Workflow = Diffract.Workflows.DecodeBench;

namespace Diffract.Cli.Bench;

/// <summary>`bench decode`: JPEGs to the net's input on one thread, beside Pillow.</summary>
static class DecodeBench
{
    const int Pictures = 64, Side = 256;

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 5);
        var pictures = new Option<string?>("--pictures") { Hidden = true };
        var verb = new Command("decode", "Seconds a picture for reading, decoding and resampling JPEGs on one thread") { pictures, common.Repeat, common.NoPeer, common.Out, common.Json, common.Child };
        verb.SetAction(arguments =>
        {
            if (arguments.GetValue(common.Child))
            {
                Torch.Torch.Threads = 1;
                Console.WriteLine(JsonSerializer.Serialize(Workflow.Measure(arguments.GetValue(pictures)!, Side, repeat: 3), JsonOutput.Options));
                return 0;
            }
            using var folder = new ScratchFolder();
            Workflow.WritePictures(folder.Path, Pictures);
            List<Contender> contenders = [Contender.Ours("Diffract", "decode", "--pictures", folder.Path)];
            List<(string, string)> ratios = [];
            if (Peer.Of(arguments, common, "decode_pillow.py", "PIL") is { } peer)
            {
                contenders.Add(peer.Contender("Pillow", folder.Path, Peer.Text(Side)));
                ratios.Add(("Diffract", "Pillow"));
            }
            return new Comparison("decode", $"JPEGs of 500x500 pixels to {Side}x{Side}, one thread", contenders, ratios).Run(common, arguments);
        });
        return verb;
    }
}
