using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench onnx`: the pass in float32 beside ONNX Runtime on the same net, exported from PyTorch.</summary>
static class OnnxBench
{
    const string Ours = "Diffract fp32", Theirs = "ONNX Runtime fp32";

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 4, repeat: 3);
        var block = new Option<int>("--block") { Description = "Where the pass stops", DefaultValueFactory = _ => 24 };
        var verb = new Command("onnx", "The float32 pass to a block beside ONNX Runtime (needs python3 with torch, node and its package onnxruntime-node)") { block, common.Config, common.Batch, common.Repeat, common.Threads, common.Out, common.Json };
        verb.SetAction(arguments =>
        {
            common.Check(arguments);
            var (config, last) = (arguments.GetValue(common.Config)!, common.Block(arguments, arguments.GetValue(block)));
            using var folder = new ScratchFolder();
            string[] told = [.. common.Common(arguments), "--block", Peer.Text(last)];
            var theirs = Export(folder.Path, BenchNets.Config(config).ImageSize, told, arguments.GetValue(common.Threads) ?? Torch.Torch.Threads);
            return new Comparison(config == "full256" ? "onnx" : $"onnx-{config}", $"{config}: the pass to block {last}, batch {arguments.GetValue(common.Batch)}",
                [Contender.Ours(Ours, "extract", [.. told, "--precision", "fp32"]), theirs], [(Ours, Theirs)]).Run(common, arguments);
        });
        return verb;
    }

    static Contender Export(string folder, int side, string[] told, int threads)
    {
        var peer = Peer.Find(out var missing) ?? throw new IOException($"the net cannot be exported: {missing}");
        var script = Path.Combine(Path.GetDirectoryName(peer.Script)!, "onnx_time.js");
        if (ChildProcess.Complaint("node", script) is { } refusal)
        {
            throw new IOException($"node {script}: {refusal}. It needs node and the package onnxruntime-node: npm install --prefix {Path.GetDirectoryName(script)} --no-save --ignore-scripts onnxruntime-node");
        }
        Console.Error.WriteLine("exporting the net to ONNX");
        if (ChildProcess.Complaint(peer.Python, [peer.Script, "export", folder, .. told]) is { } complaint)
        {
            throw new IOException($"the net cannot be exported to {folder} (2 GB for the 256x256 net): {complaint}");
        }
        return new(Theirs, "node", [script, folder, Peer.Text(side), Peer.Text(threads)], Peer.ReadTime);
    }
}
