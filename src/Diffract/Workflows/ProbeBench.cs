using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Times the training of heads: from a store, and with features made anew every epoch.</summary>
public static class ProbeBench
{
    const int Classes = 50, T = 90;

    /// <summary>The learning rates and weight decays of the linear grid: those of the default recipe.</summary>
    public static IReadOnlyList<GridCandidate> Candidates => HeadRecipes.Get("default", attention: false).Candidates;

    /// <summary>What is trained on a net's default block: a linear head on 2 x 2, or the second paper's attention head as wide as the map.</summary>
    public static HeadConfig Head(UNetConfig net, bool attention)
    {
        var map = Map(net);
        return attention ? new AttentionConfig { Dim = map.Channels, Heads = Math.Max(1, map.Channels / 128), Ts = [T], Blocks = [map], Classes = Classes }
            : new LinearConfig { Ts = [T], Blocks = [map with { Height = 2, Width = 2 }], Classes = Classes };
    }

    /// <summary>A store of random features and labels for that head.</summary>
    public static void WriteStore(string folder, HeadConfig head, UNetConfig net, int pictures)
    {
        using var scope = new TensorScope();
        var map = head.Blocks[0];
        var request = new FeatureRequest { T = head.Ts, Blocks = [map.Block], Pools = [map.Height], Height = net.ImageSize, Width = net.ImageSize };
        Torch.Torch.ManualSeed(0);
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, StoreManifest.ShardName(0)),
        [
            Aten.Randn([pictures, map.Channels, map.Height, map.Width]).ToEntry(request.Names.Single().ToString()),
            Aten.RandInt(0, Classes, [pictures]).ToEntry("label"),
            Aten.Full([pictures], (long)PictureSplit.Train, DType.Int64).ToEntry("split"),
        ]);
        new StoreManifest
        {
            How = new JsonObject { ["features"] = request.ToJson() }, ClassNames = [.. Enumerable.Range(0, Classes).Select(c => $"class {c}")],
            Splits = "random features, all for training", ShardPictures = pictures, Pictures = pictures, Complete = true,
        }.Write(folder);
    }

    /// <summary>Whole epochs of training from a store, as `train` does it; the time of one over its pictures, all candidates together.</summary>
    public static BenchSample Train(string folder, HeadConfig head, IReadOnlyList<GridCandidate> candidates, int batch, int epochs, int repeat)
    {
        using var store = FeatureStore.Open(folder);
        var map = head.Blocks[0];
        var inputs = HeadInputs.Choose(head, head.Ts, [map.Block], head.Classes, store.Request.Pools, store.Shape, _ => (map.Height, map.Width));
        var recipe = HeadRecipes.Get("default", attention: false) with { BatchSize = batch, Epochs = epochs };
        var training = new HeadTraining(new StoreSource(store), recipe, report: null, CancellationToken.None);
        return Bench.Sample(candidates.Count * head.ParameterCount() * sizeof(float), epochs * store.Rows, warmUp: 1, repeat, _ =>
            training.Run([new(inputs, candidates)], store.RowsOf(PictureSplit.Train), epochs, folder: null, _ => { }));
    }

    /// <summary>A linear probe of so many epochs on random pictures, the passes of the net included; the time of all over the pictures.</summary>
    /// <param name="everyEpoch">True: features are made anew for each epoch, as the released code does; false: once.</param>
    public static BenchSample Study(UNetConfig config, int pictures, int batch, int epochs, bool everyEpoch)
    {
        using var scope = new TensorScope();
        using var backbone = ParameterStore.New();
        var linear = (LinearConfig)Head(config, attention: false);
        var block = linear.Blocks[0].Block;
        var net = BenchNets.Build(backbone, config, block);
        using var weights = ParameterStore.New();
        var grid = new LinearGrid(weights.Root, linear, [new(1e-3)]);
        weights.RequireGrad(true);
        using var optimizer = new AdamW([grid.Group]) { LearningRate = 1 };
        Tensor[] all = [.. Enumerable.Range(0, pictures / batch).Select(_ => Aten.Randn([batch, config.InChannels, config.ImageSize, config.ImageSize]))];
        Tensor[] labels = [.. all.Select(_ => Aten.RandInt(0, Classes, [batch]))];
        Tensor Features(Tensor x)
        {
            using var inner = new TensorScope();
            using var off = GradMode.Off();
            return inner.Return(linear.Vector(new Dictionary<FeatureKey, Tensor> { [new(T, block)] = net.ForwardFeatures(x, Aten.Full([batch], T, DType.Int64), [block])[block] }));
        }
        return Bench.Sample(backbone.Count * sizeof(float), all.Length * batch, warmUp: 0, repeat: 1, _ =>
        {
            Tensor[] stored = everyEpoch ? [] : [.. all.Select(Features)];
            for (var step = 0; step < epochs * all.Length; step++)
            {
                using var turn = new TensorScope();
                var at = step % all.Length;
                grid.Loss(everyEpoch ? Features(all[at]) : stored[at], labels[at]).Backward();
                optimizer.Step(step);
            }
        });
    }

    static FeatureSpec Map(UNetConfig net)
    {
        var layout = new UNetLayout(net);
        return FeatureSpec.Of(layout, FeatureRequest.DefaultBlock(layout), net.ImageSize, net.ImageSize);
    }
}
