using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Sizes of the demonstration.</summary>
public sealed record DemoConfig
{
    public int Train { get; init; } = 4000;
    public int Test { get; init; } = 1500;
    /// <summary>Training pictures a class where labels are few; 0 leaves that out.</summary>
    public int Few { get; init; } = 10;
    /// <summary>The step that 2307.08702 uses, and at which 2311.17921 (Table 9) finds its best neighbours.</summary>
    public int T { get; init; } = 90;
    /// <summary>Block whose features are used; null: chosen for the built-in model.</summary>
    public int? Block { get; init; }
    public ulong Seed { get; init; } = 1000;
}

/// <summary>A line of the demonstration's table.</summary>
/// <param name="Name">What stands for the pictures, and what reads it.</param>
/// <param name="All">Trained on all training pictures.</param> <param name="Few">Trained on few a class; null where that was not done.</param>
public sealed record DemoLine(string Key, string Name, Score All, Score? Few);

/// <summary>The main job on built-in pictures: features of the built-in model against raw pixels and random weights.</summary>
public static class Demo
{
    public const string ResultFile = "demo.json", PageFile = "demo.html";

    /// <param name="model">The built-in checkpoint.</param> <param name="folder">For stores, heads, the result and the page.</param>
    /// <returns>The table; the page is written by <see cref="DemoPage"/>.</returns>
    public static IReadOnlyList<DemoLine> Run(string model, string folder, DemoConfig config, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var items = ExtractItems.Of(BuiltInSet.Make(config.Seed, 0, config.Train, config.Test, size: 32));
        var lines = new List<DemoLine>();

        using (var pixels = PixelStore.Make(items, 32, Path.Combine(folder, "pixels")))
        {
            lines.Add(Line("pixels", "raw pixels, logistic regression", pixels, PixelStore.Request(32), folder, config, report, cancellation));
        }
        using (var loaded = UNetLoader.Open(model))
        using (var random = ParameterStore.New())
        {
            var block = config.Block ?? BestBlock(loaded.Net.Layout);
            FeatureStore Features(string name, Backbone backbone)
            {
                var request = new FeatureRequest { T = [config.T], Blocks = [block], Pools = [4, 8], Height = 32, Width = 32 };
                Extract.Run(backbone, items, request, Path.Combine(folder, name), new() { BatchSize = 64 }, report: report is null ? null : p => report(p with { Activity = $"features, {name.Replace('-', ' ')}" }), cancellation: cancellation);
                return FeatureStore.Open(Path.Combine(folder, name));
            }
            using (var store = Features("random-weights", new(BenchNets.Build(random, loaded.Config), "random weights", new string('f', 64), loaded.Recognised.Schedule)))
            {
                lines.Add(Line("random", "random weights, linear head", store, TrainHeadRequest.Linear(pool: 4), folder, config, report, cancellation));
                lines.Add(Line("random-attention", "random weights, attention head", store, Attention(Channels(store)), folder, config with { Few = 0 }, report, cancellation));
            }
            using (var store = Features("pretrained", new(loaded.Net, Path.GetFileName(model), loaded.Fingerprint, loaded.Recognised.Schedule)))
            {
                lines.Add(Neighbours(store, config, cancellation));
                lines.Add(Line("linear", "pre-trained, linear head", store, TrainHeadRequest.Linear(pool: 4), folder, config, report, cancellation));
                lines.Add(Line("attention", "pre-trained, attention head", store, Attention(Channels(store)), folder, config, report, cancellation));
            }
        }
        AtomicFile.Write(Path.Combine(folder, ResultFile), JsonSerializer.SerializeToUtf8Bytes(new { config, chance = 1.0 / BuiltInPictures.ClassCount, lines }, HeadResult.Json));
        return lines;
    }

    /// <summary>The first block of the middle resolution on the output side: 14 of 19, as 24 of 37 is in the published net.</summary>
    static int BestBlock(UNetLayout layout) => layout.Blocks.First(b => b.Number > layout.Middle.Number && b.InStride < layout.Config.Stride).Number;

    static TrainHeadRequest Attention(int channels) => new(new AttentionConfig { Dim = 2 * channels, Heads = 4, Depth = 2, Tokens = new TokenConfig.Projected(8, TokenNorm.Channels) }, HeadRecipes.Get("default", attention: true) with { LearningRates = [1e-3], Epochs = 12 });

    static int Channels(FeatureStore store) => (int)store.Shape(store.Request.Names.First())[0];

    static DemoLine Line(string key, string name, FeatureStore store, TrainHeadRequest request, string folder, DemoConfig config, Action<Progress>? report, CancellationToken cancellation)
    {
        void Report(Progress p) => report?.Invoke(p with { Activity = name });
        var all = TrainHead.Run(store, request, Path.Combine(folder, key), Report, cancellation);
        var few = config.Few == 0 ? null : TrainHead.Run(store, request with { Subset = new TrainSubset.PerClass(config.Few) }, Path.Combine(folder, key + "-few"), Report, cancellation);
        return new(key, name, all.Test, few?.Test);
    }

    static DemoLine Neighbours(FeatureStore store, DemoConfig config, CancellationToken cancellation)
    {
        var scores = NearestNeighbours.Run(store, new(config.T, store.Request.Blocks[0], 4), new Knn { K = [20] }, cancellation);
        return new("knn", "pre-trained, 20 nearest neighbours", Score.Of(scores[0].Accuracy, store.Manifest.ClassNames), null);
    }
}
