using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Models;
using Diffract.Tests.Data;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Engine;

/// <summary>What runs on a CUDA device gives what the processor gives.</summary>
public sealed class CudaTests(CudaDevice cuda) : IClassFixture<CudaDevice>
{
    const string Data = "builtin:train=60,test=20,size=16,seed=3";

    static readonly string[] Devices = ["cpu", "cuda"];

    [CudaTheory]
    [InlineData("fp32", 2e-5)]
    [InlineData("bf16", 2e-2)]
    public void Features_are_the_processors(string precision, double tolerance)
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config with { Classes = 3 });
        foreach (var device in Devices)
        {
            cuda.Run(device, ["aten::_slow_conv2d_forward"], "extract", "--model", model, "--data", Data, "--t", "50,200", "--blocks", "4,5", "--pool", "1,4", "--views", "flip", "--class", "2", "--precision", precision, "--out", folder[device]);
        }

        CompareTensors(folder["cpu"], folder["cuda"], "shard-*.safetensors", tolerance);
    }

    [CudaFact]
    public void A_pass_is_the_processors_block_by_block()
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config);
        var x = Enumerable.Range(0, 2 * 3 * 16 * 16).Select(i => MathF.Sin(i)).ToArray();
        SafetensorsWriter.Write(folder["in.safetensors"], [SafetensorsEntry.Of("x", [2, 3, 16, 16], x), SafetensorsEntry.Of("timesteps", [2], (float[])[90, 750])]);
        foreach (var device in Devices)
        {
            cuda.Run(device, ["aten::_slow_conv2d_forward"], "forward", "--model", model, "--input", folder["in.safetensors"], "--out", Path.Combine(Directory.CreateDirectory(folder[device]).FullName, "out.safetensors"));
        }

        CompareTensors(folder["cpu"], folder["cuda"], "out.safetensors", 2e-5);
    }

    const string Reader = """{"kind": "attention", "dim": 32, "heads": 2, "depth": 1, "tokens": {"kind": "projected", "size": 4, "norm": "channels"}}""";

    // Heads of every kind, from a store.
    const string Stored = $$$"""
            {"name": "neighbours", "method": "knn", "knn": {"k": 5}},
            {"name": "fitted", "head": {"kind": "linear", "pool": 2, "batchNorm": true}, "train": {"recipe": "logistic"}},
            {"name": "linear", "head": {"kind": "linear", "pool": 2, "batchNorm": true}, "train": {"learningRates": [1e-3, 1e-2]}},
            {"name": "mlp", "head": {"kind": "mlp", "pool": 2, "hidden": [32], "batchNorm": true}},
            {"name": "cnn", "head": {"kind": "cnn", "widths": [16, 16]}},
            {"name": "attention", "head": {{{Reader}}} },
            {"name": "fused", "head": {{{Reader}}}, "features": {"t": [50, 200], "blocks": [4, 5]} }
        """;

    // And with the net, which is in every step.
    const string Live = $$$"""
            {"name": "fresh", "head": {{{Reader}}}, "features": {"noise": "fresh", "crop": "random"} },
            {"name": "feedback", "head": {{{Reader}}}, "method": "feedback", "feedback": {"strategy": "bottleneck"}, "features": {"noise": "stored"} },
            {"name": "feedback, fresh", "head": {{{Reader}}}, "method": "feedback", "feedback": {"strategy": "all"} },
            {"name": "tuned", "head": {"kind": "linear", "pool": 2, "batchNorm": true}, "method": "finetune", "layerDecay": 0.75}
        """;

    static string Recipe(string rows) => $$"""
        {
          "about": "all methods", "model": "builtin", "seeds": [0], "data": [{"name": "toys", "classes": 10, "train": 60, "test": 20}],
          "features": {"t": [50], "blocks": [5], "flip": true, "precision": "fp32"},
          "train": {"epochs": 2, "batchSize": 20, "learningRates": [1e-2], "weightDecays": [0.01]},
          "rows": [
        {{rows}}
          ]
        }
        """;

    [CudaTheory]
    [InlineData(Stored, 6, "attention", "aten::topk", "aten::linalg_cholesky_ex", "aten::gelu_backward", "aten::native_batch_norm")]
    [InlineData(Live, 4, "feedback", "aten::native_group_norm_backward", "aten::gelu_backward", "aten::native_batch_norm")]
    public void Every_method_trains_there_and_its_heads_are_tested_there(string rows, int heads, string predicting, params string[] operators)
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config);
        File.WriteAllText(folder["recipe.json"], Recipe(rows));
        foreach (var device in Devices)
        {
            cuda.Run(device, operators, "run", folder["recipe.json"], "--model", model, "--data", Data, "--out", folder[device]);
        }

        CompareTrained(folder["cpu"], folder["cuda"], "head.safetensors");
        CompareLosses(folder["cpu"], folder["cuda"]);
        Assert.Equal(heads, Heads(folder["cuda"]).Count);
        foreach (var head in Heads(folder["cuda"]))
        {
            var tuned = Path.Combine(Path.GetDirectoryName(head)!, "model.safetensors");
            cuda.Run("cuda", ["aten::_slow_conv2d_forward"], "evaluate", "--head", head, "--model", File.Exists(tuned) ? tuned : model, "--data", Data, "--out", head + ".json");
            Assert.Equal(Hits(Path.Combine(Path.GetDirectoryName(head)!, "result.json"), "test"), Hits(head + ".json", "score"));
        }
        File.WriteAllBytes(folder["picture.jpg"], PictureTree.Jpeg);
        var of = Devices.ToDictionary(device => device, device => Probability(cuda.Run(device, ["aten::gelu"], "predict", "--head", folder[$"cpu/rows/{predicting}/seed-0/head.safetensors"], "--model", model, "--json", folder["picture.jpg"])));
        Assert.Equal(of["cpu"].Class, of["cuda"].Class);
        Assert.Equal(of["cpu"].Probability, of["cuda"].Probability, 1e-4);
    }

    [CudaFact]
    public void A_head_is_trained_tested_and_compared_there_from_a_store()
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config);
        cuda.Run("cpu", [], "extract", "--model", model, "--data", Data, "--t", "50", "--blocks", "5", "--pool", "0,4", "--out", folder["store"]);
        foreach (var device in Devices)
        {
            cuda.Run(device, ["aten::native_batch_norm", "aten::gelu_backward"], "train", "--store", folder["store"], "--head", "linear", "--head", "attention", "--epochs", "1", "--train-batch", "20", "--lr", "1e-3,1e-2", "--pool", "4", "--out", folder[device]);
            cuda.Run(device, ["aten::gelu"], "evaluate", "--store", folder["store"], "--head", Heads(folder[device])[0], "--out", folder[device + ".json"]);
            cuda.Run(device, ["aten::topk"], "knn", "--store", folder["store"], "--pool", "4", "--k", "5", "--out", folder[device + "-knn"]);
        }

        CompareTrained(folder["cpu"], folder["cuda"], "head.safetensors");
        CompareLosses(folder["cpu"], folder["cuda"]);
        Assert.Equal(Hits(folder["cpu.json"], "score"), Hits(folder["cuda.json"], "score"));
        Assert.Equal(File.ReadAllText(folder["cpu-knn/result.json"]), File.ReadAllText(folder["cuda-knn/result.json"]));
    }

    [CudaFact]
    public void A_net_is_fine_tuned_there_with_blocks_computed_once_more()
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config);
        foreach (var device in Devices)
        {
            cuda.Run(device, ["aten::native_group_norm_backward"], "finetune", "--model", model, "--data", Data, "--t", "50", "--blocks", "5", "--epochs", "1", "--train-batch", "20", "--lr", "1e-3", "--accumulate", "2", "--recompute", "--precision", "bf16", "--out", folder[device]);
        }

        CompareTrained(folder["cpu"], folder["cuda"], "model.safetensors", 0.25, model);
    }

    [CudaTheory]
    [InlineData("fp32", 0.05)]
    [InlineData("bf16", 0.25)] // AdamW's first steps are as large for gradients that are all rounding
    public void A_net_is_pre_trained_there(string precision, double tolerance)
    {
        using var folder = new TemporaryFolder();
        var model = Net(folder, TinyNet.Config);
        foreach (var device in Devices)
        {
            cuda.Run(device, ["aten::native_group_norm_backward"], "pretrain", "--from", model, "--data", "builtin:train=300,size=16,seed=3", "--pictures", "60", "--batch", "20", "--precision", precision, "--out", folder[device]);
        }

        CompareTrained(folder["cpu"], folder["cuda"], "model.safetensors", tolerance, model);
    }

    static string Net(TemporaryFolder folder, UNetConfig config)
    {
        BenchNets.WriteCheckpoint(folder["net.safetensors"], config, DType.Float32, seed: 1);
        return folder["net.safetensors"];
    }

    static (string Class, double Probability) Probability(string prediction)
    {
        using var json = JsonDocument.Parse(prediction);
        var first = json.RootElement.GetProperty("classes")[0];
        return (first.GetProperty("name").GetString()!, first.GetProperty("probability").GetDouble());
    }

    static int Hits(string path, string part)
    {
        using var result = JsonDocument.Parse(File.ReadAllText(path));
        return result.RootElement.GetProperty(part).GetProperty("top1Hits").GetInt32();
    }

    static List<string> Heads(string folder) => [.. Directory.EnumerateFiles(folder, "head.safetensors", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    // A GPU draws other random numbers than the processor, so what it trains is another head; the stand-in draws the same.
    void CompareTrained(string processor, string device, string pattern, double tolerance = 5e-2, string? start = null)
    {
        if (cuda.IsStandIn)
        {
            CompareTensors(processor, device, pattern, tolerance, start);
        }
    }

    // The mean losses of training, which a step that was left out would move.
    void CompareLosses(string processor, string device)
    {
        static double Last(string path) => JsonNode.Parse(File.ReadLines(path).Last())!["loss"]!.GetValue<double>();
        var files = Directory.GetFiles(processor, TrainLoop.MetricsFile, SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        foreach (var path in files.Where(_ => cuda.IsStandIn))
        {
            var (wanted, found) = (Last(path), Last(Path.Combine(device, Path.GetRelativePath(processor, path))));
            Assert.True(Math.Abs(wanted - found) <= 2e-4 * wanted, $"{Path.GetRelativePath(processor, path)}: loss {found}, on the processor {wanted}");
        }
    }

    // All tensors of a file by the norm of their difference, relative to what they are, or to what they have become since `start`.
    static void CompareTensors(string processor, string device, string pattern, double tolerance, string? start = null)
    {
        var files = Directory.GetFiles(processor, pattern, SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        foreach (var path in files)
        {
            var (wanted, found, from) = (Values(path), Values(Path.Combine(device, Path.GetRelativePath(processor, path))), start is null ? null : Values(start));
            Assert.Equal(wanted.Keys, found.Keys);
            var difference = Norm(wanted.Keys.SelectMany(name => wanted[name].Zip(found[name], (a, b) => a - b)));
            var whole = Norm(wanted.Keys.SelectMany(name => from is null ? wanted[name] : wanted[name].Zip(from[name], (a, b) => a - b)));
            Assert.True(difference <= tolerance * whole, $"{Path.GetRelativePath(processor, path)}: a difference of {difference:e2} in {whole:e2}");
        }
    }

    static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));

    static SortedDictionary<string, double[]> Values(string path)
    {
        using var scope = new TensorScope();
        using var file = CheckpointFile.Open(path);
        return new(file.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value.ToTensor().ToArray<double>()), StringComparer.Ordinal);
    }
}
