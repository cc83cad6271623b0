using Diffract.Features;
using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class TrainHeadsTests
{
    static readonly HeadRecipe Quick = HeadRecipes.Get("default", attention: false) with { Epochs = 4, BatchSize = 16, LearningRates = [1e-3, 1e-2], WeightDecays = [0, 0.1] };

    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny)
    {
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(100, 40)), TinyNet.Request with { Draws = 2, Pools = [0, 1] }, folder["store"], new() { BatchSize = 20 });
        return FeatureStore.Open(folder["store"]);
    }

    static IReadOnlyList<PlannedHead> Heads =>
    [
        new("linear", new(new LinearConfig { Pool = 1, BatchNorm = true }, Quick)),
        new("one-step", new(new LinearConfig { Pool = 2 }, Quick with { LearningRates = [3e-3] }) { T = [50] }),
        new("mlp", new(new LinearConfig { Pool = 1, Hidden = [16] }, Quick with { WeightDecays = [0] })),
        new("cnn", new(new CnnConfig { Widths = [12, 8], Padding = 1 }, Quick with { LearningRates = [1e-3], WeightDecays = [0] }) { Blocks = [4] }),
        new("attention", new(new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Batch) }, Quick with { WeightDecays = [0.05] })),
        new("longer", new(new LinearConfig { Pool = 1 }, Quick with { Epochs = 6, LearningRates = [1e-3] })),
    ];

    [Fact]
    public void Heads_trained_together_end_as_they_end_alone()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        var together = TrainHeads.Run(new StoreSource(store), Heads, folder["together"]);

        foreach (var (head, result) in Heads.Zip(together))
        {
            var alone = TrainHead.Run(store, head.Request, folder[$"alone-{head.Name}"]);
            Assert.Equal(alone.Candidates, result.Candidates);
            Assert.Equal(alone.Test.Top1Hits, result.Test.Top1Hits);
            Assert.Equal(File.ReadAllBytes(folder[$"alone-{head.Name}/head.safetensors"]), File.ReadAllBytes(folder[$"together/{head.Name}/head.safetensors"]));
            Assert.Equal(File.ReadAllBytes(folder[$"alone-{head.Name}/result.json"]), File.ReadAllBytes(folder[$"together/{head.Name}/result.json"]));
            using var trained = TrainedHead.Open(folder[$"together/{head.Name}/head.safetensors"]);
            Assert.Equal(result.Test.Top1Hits, EvaluateHead.Run(trained, store).Top1Hits);
        }
        Assert.Equal(["metrics-0.jsonl", "metrics-1.jsonl"], Directory.EnumerateFiles(folder["together"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Heads_that_do_not_fit_into_memory_together_are_trained_in_parts_with_the_same_result()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var source = new StoreSource(store);
        PlannedHead[] heads = [.. Heads.Take(3)];
        var (all, least) = (TrainHeads.Estimate(source, heads), TrainHeads.Estimate(source, heads, memory: 1));

        var at = TrainHeads.Run(source, heads, folder["at-once"]);
        var parts = TrainHeads.Run(source, heads, folder["parts"], memory: 1);

        Assert.Equal((3, 4 + 2 + 2, 3), (all.Heads, all.Candidates, all.Passes));          // linear candidates, MLP candidates, then all heads
        Assert.Equal(4 + 2 + 2 + 3, least.Passes);
        Assert.True(least.Bytes < all.Bytes, $"{least.Bytes} of {all.Bytes} bytes");
        Assert.Equal(at.Select(result => result.Test.Top1Hits), parts.Select(result => result.Test.Top1Hits));
    }

    [Fact]
    public void Training_together_stopped_and_started_again_ends_with_the_same_heads()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var source = new StoreSource(store);
        PlannedHead[] heads = [.. Heads.Where(head => head.Request.Recipe.Candidates.Count == 1 && head.Request.Recipe.Epochs == 4), new("batch", new(Heads[4].Request.Head, Quick with { LearningRates = [1e-3], WeightDecays = [0] }))];
        TrainHeads.Run(source, heads, folder["whole"]);

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => TrainHeads.Run(source, heads, folder["parts"], report: p => { if (p.Done > p.Total / 2) { stop.Cancel(); } }, cancellation: stop.Token));
        Assert.True(Directory.Exists(folder["parts/run"]));
        TrainHeads.Run(source, heads, folder["parts"]);

        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(2 * 4 + 1, whole.Count);                                       // head, result, outcomes and what it was trained on of each, one curve
        Assert.All(whole.Where(file => !file.Key.EndsWith(".jsonl", StringComparison.Ordinal)), file => Assert.Equal(file.Value, parts[file.Key]));
    }

    // 8 candidates to compare and 3 heads to train, one at a time: stopped in the last but one, a run has two trainings left.
    [Fact]
    public void What_has_been_compared_and_trained_before_a_stop_is_not_done_again()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var (source, trained) = (new StoreSource(store), 0);
        PlannedHead[] heads = [.. Heads.Take(3)];
        TrainHeads.Run(source, heads, folder["whole"], memory: 1);

        using var stop = new CancellationTokenSource();
        void Count(Progress p)
        {
            trained += p.Done == p.Total && p.Activity.StartsWith("train", StringComparison.Ordinal) ? 1 : 0;
            if (trained == 9 && p.Done < p.Total) { stop.Cancel(); }
        }
        Assert.Throws<OperationCanceledException>(() => TrainHeads.Run(source, heads, folder["parts"], memory: 1, Count, stop.Token));
        trained = 0;
        TrainHeads.Run(source, heads, folder["parts"], memory: 1, Count);

        Assert.Equal(2, trained);
        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(whole.Keys.Order(), parts.Keys.Order());
        Assert.All(whole, file => Assert.Equal(file.Value, parts[file.Key]));
    }

    [Fact]
    public void One_that_diverges_leaves_the_others_as_they_are()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var attention = Heads[4].Request.Head;
        var wild = new TrainHeadRequest(attention, Quick with { Optimizer = OptimizerKind.Sgd, LearningRates = [1e-2, 1e12], WeightDecays = [0] });

        var result = TrainHead.Run(store, wild, folder["head"]);

        Assert.Equal(1e-2, result.Chosen!.LearningRate);
        Assert.Equal(0, result.Candidates[1].HeldOutAccuracy);
    }

    [Fact]
    public void Two_heads_of_one_name_are_refused()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        Assert.Contains("'linear'", Assert.Throws<ArgumentException>(() => TrainHeads.Run(new StoreSource(store), [Heads[0], Heads[0]], folder["a"])).Message);
    }

    [Fact]
    public void A_head_of_the_released_code_becomes_one_that_is_evaluated()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var trained = TrainHead.Run(store, Heads[4].Request with { Recipe = Quick with { LearningRates = [1e-3], WeightDecays = [0] } }, folder["head"]);
        using (var file = CheckpointFile.Open(folder["head/head.safetensors"]))
        {
            SafetensorsWriter.Write(folder["latest.pth"], file.Tensors.Select(pair => pair.Value.ToTensor().ToEntry("model_head.module." + pair.Key)), new Dictionary<string, string>());
        }

        ImportHead.Run(folder["latest.pth"], Heads[4].Request.Head, store, null, null, folder["imported.safetensors"]);

        using var imported = TrainedHead.Open(folder["imported.safetensors"]);
        Assert.Equal(trained.Test.Top1Hits, EvaluateHead.Run(imported, store).Top1Hits);
        var error = Assert.Throws<CheckpointException>(() => ImportHead.Run(folder["latest.pth"], ((AttentionConfig)Heads[4].Request.Head) with { Depth = 2 }, store, null, null, folder["no"]));
        Assert.Contains("layers.2.norm1.weight", error.Message);
        Assert.Contains("--head-config", error.Message);
    }
}
