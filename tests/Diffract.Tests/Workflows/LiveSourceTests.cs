using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class LiveSourceTests
{
    static readonly HeadRecipe Quick = HeadRecipes.Get("default", attention: false) with { Epochs = 3, BatchSize = 16, LearningRates = [1e-2], WeightDecays = [0] };
    static readonly HeadConfig Linear = new LinearConfig { Pool = 4, BatchNorm = true };

    static LiveSource Source(TinyNet tiny, LiveConfig? config = null, FeatureRequest? request = null, int workers = 2, int? pass = null, PictureSet? set = null) =>
        new(tiny.Backbone, ExtractItems.Of(set ?? TinyNet.Pictures(40, 20)), request ?? TinyNet.Request, config ?? new(), new() { Workers = workers, BatchSize = pass });

    static Dictionary<int, float[]> Maps(LiveSource source, RowLook[] looks, params int[] sizes)
    {
        using var scope = new TensorScope();
        var inputs = source.Complete(Linear, null, null);
        var maps = new Dictionary<int, float[]>();
        foreach (var batch in source.Load(inputs, looks, sizes))
        {
            var values = Aten.Cat([.. inputs.Head.Keys.Select(key => batch.Maps[key].Flatten(1))], 1);
            Assert.Equal(batch.Rows.Select(row => source.Labels[row]), batch.Labels.ToArray<long>());
            foreach (var (i, row) in batch.Rows.Index())
            {
                maps[row] = values.Select(0, i).ToArray<float>();
            }
        }
        return maps;
    }

    static void AssertSame(Dictionary<int, float[]> a, Dictionary<int, float[]> b)
    {
        Assert.Equal(a.Keys.Order(), b.Keys.Order());
        Assert.All(a, pair => Assert.Equal(pair.Value, b[pair.Key], (x, y) => Math.Abs(x - y) < 2e-5f)); // sums in another order
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    public void Live_maps_of_a_view_and_draw_are_the_stores(int draw, bool flip)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var live = Source(tiny);
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), TinyNet.Request with { Draws = 2, Flip = true }, folder["store"]);
        using var store = FeatureStore.Open(folder["store"]);
        var source = new StoreSource(store);
        RowLook[] looks = [.. Enumerable.Range(0, 60).Select(row => new RowLook(row, new PictureView(flip), draw))];
        var (inLive, inStore) = (live.Complete(Linear, null, null), source.Complete(Linear, null, null));

        var (mine, stored) = (live.Load(inLive, looks, [60]).Single(), source.Load(inStore, looks, [60]).Single());

        Assert.Equal(inStore.Head.ToJson().ToJsonString(), inLive.Head.ToJson().ToJsonString());
        Assert.Equal(stored.Labels.ToArray<long>(), mine.Labels.ToArray<long>());
        foreach (var key in inLive.Head.Keys)
        {
            Assert.Equal(stored.Maps[key].Shape, mine.Maps[key].Shape);
            Assert.Equal(stored.Maps[key].ToArray<float>(), mine.Maps[key].ToArray<float>(), (x, y) => Math.Abs(x - y) < 2e-5f);
        }
    }

    [Theory]
    [InlineData(CropKind.Centre)]
    [InlineData(CropKind.RandomResized)]
    [InlineData(CropKind.Released)]
    public void Batch_size_order_and_threads_change_no_map(CropKind crop)
    {
        using var tiny = new TinyNet();
        using var one = Source(tiny, new() { Crop = crop }, workers: 1);
        using var other = Source(tiny, new() { Crop = crop }, workers: 3, pass: 7);
        RowLook[] looks = [.. Enumerable.Range(0, 30).Select(row => one.TrainingLook(row, epoch: 5, seed: 9))];
        Assert.Equal(looks, Enumerable.Range(0, 30).Select(row => other.TrainingLook(row, epoch: 5, seed: 9)));

        AssertSame(Maps(one, looks, 30), Maps(other, [.. looks.Reverse()], 11, 1, 18));
    }

    [Fact]
    public void Each_epoch_has_its_own_view_and_noise()
    {
        using var tiny = new TinyNet();
        using var source = Source(tiny, new() { Crop = CropKind.Released });
        RowLook[] looks = [.. from epoch in Enumerable.Range(0, 20) from row in Enumerable.Range(0, 40) select source.TrainingLook(row, epoch, seed: 0)];

        Assert.Equal(800, looks.Select(look => look.View.Crop).Distinct().Count());
        Assert.InRange(looks.Count(look => look.View.Flip), 340, 460);                     // 400 +- 4 standard deviations of 14
        Assert.Equal(Enumerable.Range(0, 20), looks.Where(look => look.Row == 3).Select(look => look.Draw));
        Assert.DoesNotContain(looks, look => look.View.ResizedCrop is not null);
        using var still = Source(tiny, new() { Flip = false });
        Assert.All(Enumerable.Range(0, 40), row => Assert.Equal(default, still.TrainingLook(row, epoch: 1, seed: 0).View));
    }

    [Fact]
    public void A_head_trained_live_tests_on_a_store_as_it_did_live()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var live = Source(tiny, request: TinyNet.Request with { Draws = 2 });

        var result = TrainHead.Run(live, new(Linear, Quick) { AverageLooks = true }, folder["head"]);

        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), TinyNet.Request with { Draws = 2 }, folder["store"]);
        using var store = FeatureStore.Open(folder["store"]);
        using var head = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        Assert.Equal(result.Test.Top1Hits, EvaluateHead.Run(head, store, averageLooks: true).Top1Hits);
        Assert.Equal((20L, 2), (result.Test.Pictures, result.AveragedLooks));
        Assert.Contains("without a choice", result.Choice);
        Assert.Equal("a new draw each epoch", (string?)result.Features["training"]!["noise"]);
    }

    // Other pools, steps and blocks: one pass of the net serves both, and none has any influence on the other.
    [Fact]
    public void Heads_trained_together_from_live_pictures_end_as_they_end_alone()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        PlannedHead[] heads =
        [
            new("linear", new(Linear, Quick) { T = [50], Blocks = [4] }),
            new("attention", new(new AttentionConfig { Dim = 16, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(2) }, Quick with { LearningRates = [1e-3] })),
        ];
        using (var together = Source(tiny))
        {
            TrainHeads.Run(together, heads, folder["together"]);
        }

        foreach (var head in heads)
        {
            using var alone = Source(tiny);
            TrainHead.Run(alone, head.Request, folder[head.Name]);

            using var a = CheckpointFile.Open(folder[$"together/{head.Name}/head.safetensors"]);
            using var b = CheckpointFile.Open(folder[$"{head.Name}/head.safetensors"]);
            Assert.All(a.Tensors, pair => Assert.Equal(pair.Value.ToTensor().To(DType.Float32).ToArray<float>(), b.Tensors[pair.Key].ToTensor().To(DType.Float32).ToArray<float>()));
        }
    }

    [Fact]
    public void Live_training_stopped_and_started_again_ends_with_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var source = Source(tiny, new() { Crop = CropKind.RandomResized });
        var request = new TrainHeadRequest(new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Batch) }, Quick with { Epochs = 8, LearningRates = [1e-3], Accumulate = 2 });
        TrainHead.Run(source, request, folder["whole"]);

        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => TrainHead.Run(source, request, folder["parts"], p => { if (p.Done > p.Total / 2) { stop.Cancel(); } }, stop.Token));
        Assert.True(File.Exists(folder["parts/run/state.safetensors"]));
        TrainHead.Run(source, request, folder["parts"]);

        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(whole["head.safetensors"], parts["head.safetensors"]);
        Assert.Equal(whole["result.json"], parts["result.json"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Accumulated_parts_train_as_the_whole_batch_does(bool batchNorm)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var source = Source(tiny);
        float[] Weights(int parts)
        {
            var recipe = Quick with { Accumulate = parts, BatchSize = 15, Optimizer = OptimizerKind.Sgd };
            TrainHead.Run(source, new(new LinearConfig { Pool = 1, BatchNorm = batchNorm }, recipe), folder[$"{parts}"]);
            using var file = CheckpointFile.Open(Path.Combine(folder[$"{parts}"], TrainHead.HeadFileName));
            return file.Get("fcs.0.weight").ToArray<float>();
        }

        Assert.Equal(Weights(1), Weights(4), (a, b) => Math.Abs(a - b) < 1e-6f);
        var error = Assert.Throws<TrainException>(() => TrainHead.Run(source, new(new LinearConfig { Pool = 1 }, Quick with { Accumulate = 9 }), folder["much"]));
        Assert.Contains("16 pictures cannot be accumulated in 9 parts", error.Message);
    }

    [Fact]
    public void A_picture_that_cannot_be_read_is_left_out_and_named()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var set = TinyNet.Pictures(40, 20);
        using var source = Source(tiny, set: new PictureSet(set.Name, set.ClassNames, set.Items, [], i => i is 3 or 50 ? [1, 2, 3] : set.ReadBytes(i)));

        var result = TrainHead.Run(source, new(Linear, Quick), folder["head"]);

        Assert.Equal(19, result.Test.Pictures);
        Assert.Equal(2, result.Unreadable.Count);
        Assert.Contains(set.Items[50].Path, result.Unreadable[1]);
    }
}
