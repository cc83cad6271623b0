using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

/// <summary>DifFeed trained, saved and used on a small net: from kept first-pass maps, and from pictures with fresh noise.</summary>
public class FeedbackTrainingTests
{
    static readonly HeadRecipe Quick = HeadRecipes.Feedback("default") with { Epochs = 3, BatchSize = 16, LearningRates = [1e-2], WeightDecays = [0.05] };

    static FeedbackHeadConfig Head(string strategy) => new()
    {
        Net = TinyNet.Config, ReadBlocks = [6, 7], Feedback = FeedbackConfig.Of(FeedbackStrategy.Parse(strategy), new UNetLayout(TinyNet.Config)),
        Reader = new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Channels) },
    };

    static FeatureRequest Request(FeedbackHeadConfig head) => TinyNet.Request with { Blocks = head.FirstPassBlocks, Pools = [0] };

    static ExtractItems Items => ExtractItems.Of(TinyNet.Pictures(64, 20));

    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny, FeedbackHeadConfig head)
    {
        Extract.Run(tiny.Backbone, Items, Request(head) with { Flip = true, Draws = 2 }, folder["store"], new() { BatchSize = 20 });
        return FeatureStore.Open(folder["store"]);
    }

    [Theory]
    [InlineData("bottleneck", false)]
    [InlineData("multi-scale", true)]
    [InlineData("9-1,6-4", true)]
    public void A_head_with_feedback_is_one_file_that_predicts_as_it_was_tested(string strategy, bool live)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var head = Head(strategy);
        using var store = live ? null : Store(folder, tiny, head);
        using var pictures = new LiveSource(tiny.Backbone, Items, Request(head), new());
        HeadSource source = store is null ? pictures : new StoreSource(store, tiny.Backbone);

        var result = TrainHead.Run(source, new(head, Quick), folder["head"]);

        using var trained = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        int[] tested = [.. Enumerable.Range(64, 20)];
        var predictions = EvaluateHead.Predict(trained, tiny.Backbone, Items.Set, tested).ToList();
        var hits = predictions.Index().Count(p => p.Item.Ranked.First().Class == Items.Set.Items[tested[p.Index]].Class);
        Assert.Equal((20L, hits), (result.Test.Pictures, (int)result.Test.Top1Hits));
        Assert.Equal(("diffeed", strategy), (result.Kind, trained.Inputs.Head is FeedbackHeadConfig read ? read.Feedback.Strategy : ""));
        Assert.Equal(head.Feedback.ParameterCount(new UNetLayout(TinyNet.Config)), result.Parameters - ((FeedbackHeadConfig)trained.Inputs.Head).Reader.ParameterCount());
        Assert.All(tiny.Store.Parameters.Values, weight => Assert.Null(weight.Grad));
        if (store is not null)
        {
            Assert.Equal(result.Test.Top1Hits, EvaluateHead.Run(trained, store, backbone: tiny.Backbone).Top1Hits);
            using var alone = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
            Assert.Contains("give it the backbone", Assert.Throws<HeadConfigException>(() => EvaluateHead.Run(alone, store)).Message);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_stopped_and_started_again_ends_with_the_same_bytes(bool live)
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var request = new TrainHeadRequest(Head("windowed"), Quick);
        using var store = live ? null : Store(folder, tiny, Head("windowed"));
        void Train(string name, Action<Progress>? report = null, CancellationToken stop = default)
        {
            using var pictures = new LiveSource(tiny.Backbone, Items, Request(Head("windowed")), new());
            TrainHead.Run(store is null ? pictures : new StoreSource(store, tiny.Backbone), request, folder[name], report, stop);
        }
        Train("whole");

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Train("parts", progress => { if (progress.Done >= progress.Total / 2) { stop.Cancel(); } }, stop.Token));
        Train("parts");

        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(whole["head.safetensors"], parts["head.safetensors"]);
        Assert.Equal(whole["result.json"], parts["result.json"]);
    }

    [Fact]
    public void Training_moves_the_feedback_layers_and_lowers_the_loss()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var head = Head("bottleneck");
        using var store = Store(folder, tiny, head);

        TrainHead.Run(new StoreSource(store, tiny.Backbone), new(head, Quick with { Epochs = 8 }), folder["head"]);

        using var file = CheckpointFile.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        Assert.Equal(32, file.Get("feedback_layers.0.1.num_batches_tracked").ToTensor().Item() / 2);  // 64 pictures, 16 a batch, 8 epochs; twice: two steps of noise
        Assert.Contains(file.Get("feedback_layers.1.1.weight").ToArray<float>(), weight => Math.Abs(weight - 1) > 1e-3);
        var losses = File.ReadLines(Path.Combine(folder["head"], TrainLoop.MetricsFile)).Select(line => (double)System.Text.Json.Nodes.JsonNode.Parse(line)!["loss"]!).ToList();
        Assert.True(losses[^1] < 0.9 * losses[0], $"losses {string.Join(", ", losses)}");
    }

    [Fact]
    public void A_store_of_another_backbone_or_of_other_blocks_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny, Head("bottleneck"));

        Assert.Contains("Use that checkpoint", Assert.Throws<FeatureStoreException>(() => new StoreSource(store, tiny.Backbone with { Sha256 = new string('c', 64) })).Message);
        Assert.Throws<FeatureStoreException>(() => TrainHead.Run(new StoreSource(store, tiny.Backbone), new(Head("all"), Quick), folder["head"]));
    }

    [Fact]
    public void A_store_that_lacks_blocks_is_refused_with_all_of_them_and_the_command_that_makes_them()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var head = Head("bottleneck");
        Extract.Run(tiny.Backbone, Items, Request(head) with { T = [50], Blocks = [4, 7], StoredAs = DType.Float16, Seed = 3 }, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);

        var error = Assert.Throws<FeatureStoreException>(() => TrainHead.Run(new StoreSource(store, tiny.Backbone), new(head, Quick), folder["head"]));

        var lacking = head.FirstPassBlocks.Except([4, 7]).ToList();
        Assert.True(lacking.Count > 1);
        Assert.All(lacking, block => Assert.Contains($"t=50, block {block}, pool 0", error.Message));
        Assert.Contains($"diffract extract --model CKPT --data DIR --t 50 --blocks {string.Join(',', head.FirstPassBlocks)} --pool 0 --size 16x16 --precision fp32 --store-as fp16 --seed 3 --out STORE", error.Message);
    }
}
