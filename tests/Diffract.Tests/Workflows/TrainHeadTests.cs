using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class TrainHeadTests
{
    static readonly HeadRecipe Quick = HeadRecipes.Get("default", attention: false) with { Epochs = 6, BatchSize = 16, LearningRates = [1e-3, 1e-2], WeightDecays = [0, 0.1] };

    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny, FeatureRequest? request = null)
    {
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(100, 40)), request ?? TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        return FeatureStore.Open(folder["store"]);
    }

    public static TheoryData<HeadConfig> Heads => new(
        new LinearConfig { Pool = 1, BatchNorm = true }, new LinearConfig { Pool = 4 }, new LinearConfig { Pool = 1, Hidden = [16] },
        new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Channels) });

    [Theory, MemberData(nameof(Heads))]
    public void A_trained_head_is_a_file_that_gives_the_same_accuracy_again(HeadConfig head)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        var result = TrainHead.Run(store, new(head, Quick), folder["head"]);

        using var trained = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        var again = EvaluateHead.Run(trained, store);
        Assert.Equal(result.Test.Top1Hits, again.Top1Hits);
        Assert.Equal(40, result.Test.Pictures);
        Assert.Equal(4, result.Candidates.Count);
        Assert.Equal(result.Candidates.Max(c => c.HeldOutAccuracy), result.Chosen!.HeldOutAccuracy);
        Assert.Equal(BuiltInPictures.ClassNames, trained.ClassNames);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["head"], TrainHead.ResultFile)));
        Assert.Equal(40, json.RootElement.GetProperty("test").GetProperty("confusion").EnumerateArray().Sum(row => row.EnumerateArray().Sum(n => n.GetInt64())));
        Assert.False(Directory.Exists(Path.Combine(folder["head"], "run")));
    }

    [Fact]
    public void A_head_predicts_pictures_as_it_was_evaluated_and_refuses_another_backbone()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick), folder["head"]);
        using var trained = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        var set = TinyNet.Pictures(100, 40);
        string[] files = [.. Enumerable.Range(100, 5).Select(i => folder[$"{i}.ppm"])];
        foreach (var (file, i) in files.Select((file, i) => (file, i)))
        {
            File.WriteAllBytes(file, set.ReadBytes(100 + i));
        }

        var predictions = EvaluateHead.Predict(trained, tiny.Backbone, [.. files, folder["missing.png"]]).ToList();
        var ofSet = EvaluateHead.Predict(trained, tiny.Backbone, set, Enumerable.Range(100, 5)).ToList();
        using var off = GradMode.Off();
        var logits = trained.Head.Forward(trained.Inputs.Gather(store, [100, 101, 102, 103, 104], _ => (0, 0)), training: false).Softmax(1).ToArray<float>();

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(logits.AsSpan(10 * i, 10).ToArray(), predictions[i].Probabilities, (a, b) => Math.Abs(a - b) < 1e-4);
            Assert.Equal(1, predictions[i].Probabilities.Sum(), 1e-5);
            Assert.Equal((set.Items[100 + i].Path, null), (ofSet[i].Picture, ofSet[i].Error));
            Assert.Equal(predictions[i].Probabilities, ofSet[i].Probabilities);
        }
        Assert.NotNull(predictions[5].Error);
        var error = Assert.Throws<HeadConfigException>(() => EvaluateHead.Predict(trained, tiny.Backbone with { Sha256 = new string('c', 64) }, files).ToList());
        Assert.Contains("tiny.safetensors", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Logistic_regression_chooses_its_penalty_and_tells_more_pictures_right_than_chance(bool batchNorm)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny, TinyNet.Request with { Flip = true });
        var recipe = HeadRecipes.Get("logistic", attention: false);

        var result = TrainHead.Run(store, new(new LinearConfig { Pool = 1, BatchNorm = batchNorm }, recipe), folder["head"]);

        Assert.Equal(recipe.WeightDecays.Order(), result.Candidates.Select(c => c.WeightDecay).Order());
        Assert.Equal(result.Candidates.Max(c => c.HeldOutAccuracy), result.Chosen!.HeldOutAccuracy);
        using var trained = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        Assert.Equal(result.Test.Top1Hits, EvaluateHead.Run(trained, store).Top1Hits);
        Assert.Equal(batchNorm, ((LinearConfig)trained.Head.Config).BatchNorm);
        Assert.Contains("\"penalty\"", File.ReadAllText(Path.Combine(folder["head"], TrainLoop.MetricsFile)));
        TrainHead.Run(store, new(new LinearConfig { Pool = 1, BatchNorm = batchNorm }, recipe), folder["again"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["head"], TrainHead.HeadFileName)), File.ReadAllBytes(Path.Combine(folder["again"], TrainHead.HeadFileName)));
    }

    [Fact]
    public void Logistic_regression_refuses_other_heads_and_a_penalty_of_nothing()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var recipe = HeadRecipes.Get("logistic", attention: false);

        Assert.Contains("linear heads only", Assert.Throws<HeadConfigException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 1, Hidden = [4] }, recipe), folder["a"])).Message);
        Assert.Contains("above 0", Assert.Throws<ArgumentException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, recipe with { WeightDecays = [0, 1] }), folder["b"])).Message);
    }

    [Fact]
    public void Training_stopped_and_started_again_ends_with_the_same_head()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny, TinyNet.Request with { Flip = true, Draws = 2 });
        var request = new TrainHeadRequest(new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Batch) }, Quick with { LearningRates = [1e-3], WeightDecays = [0.1] });
        TrainHead.Run(store, request, folder["whole"]);

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => TrainHead.Run(store, request, folder["parts"], p => { if (p.Done > p.Total / 2) { stop.Cancel(); } }, stop.Token));
        Assert.True(Directory.Exists(folder["parts/run"]));
        TrainHead.Run(store, request, folder["parts"]);

        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(whole["head.safetensors"], parts["head.safetensors"]);
        Assert.Equal(whole["result.json"], parts["result.json"]);
    }

    // Two stores of the same training pictures and of other test pictures: were a test picture looked at, the heads would differ.
    [Fact]
    public void The_test_pictures_have_no_part_in_training_or_choosing()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        (HeadResult Result, float[] Weights) Train(int test)
        {
            Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(100, test)), TinyNet.Request, folder[$"store-{test}"], new() { BatchSize = 20 });
            using var store = FeatureStore.Open(folder[$"store-{test}"]);
            var result = TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick) { Subset = new TrainSubset.PerClass(5) }, folder[$"head-{test}"]);
            using var file = CheckpointFile.Open(Path.Combine(folder[$"head-{test}"], TrainHead.HeadFileName));
            return (result, file.Get("fcs.0.weight").ToArray<float>());
        }

        var (few, more) = (Train(20), Train(60));

        Assert.Equal(few.Weights, more.Weights);
        Assert.Equal(few.Result.Candidates, more.Result.Candidates);
        Assert.Equal((50, 20L, 60L), (few.Result.TrainPictures, few.Result.Test.Pictures, more.Result.Test.Pictures));
        Assert.Contains("used once", few.Result.Choice);
    }

    [Fact]
    public void A_finished_head_of_another_backbone_or_of_other_pictures_is_not_written_over()
    {
        using var folder = new TemporaryFolder();
        void Train(ulong seed, int train)
        {
            using var tiny = new TinyNet();
            Extract.Run(tiny.Backbone with { Sha256 = new string((char)('a' + seed), 64), Name = $"net-{seed}.pt" }, ExtractItems.Of(TinyNet.Pictures(train, 20)), TinyNet.Request, folder[$"store-{seed}-{train}"], new() { BatchSize = 20 });
            using var store = FeatureStore.Open(folder[$"store-{seed}-{train}"]);
            TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] }), folder["head"]);
        }
        Train(seed: 0, train: 40);
        var before = File.ReadAllBytes(folder["head/head.safetensors"]);

        var model = Assert.Throws<TrainException>(() => Train(seed: 1, train: 40));
        var data = Assert.Throws<TrainException>(() => Train(seed: 0, train: 50));

        Assert.Contains("result.json is a finished result of net-0.pt (SHA-256 aaaaaaaaaaaa...), this head would be of net-1.pt (SHA-256 bbbbbbbbbbbb...). Choose another --out, or delete it.", model.Message);
        Assert.Contains("is a finished result of other pictures of", data.Message);
        Assert.Equal(before, File.ReadAllBytes(folder["head/head.safetensors"]));
        Train(seed: 0, train: 40);
    }

    [Theory]
    [InlineData("logistic", "Give one --decay, the penalty.")]
    [InlineData("default", "Give one --lr and one --decay.")]
    public void Settings_that_no_held_out_picture_can_choose_are_asked_for(string recipe, string message)
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        var error = Assert.Throws<TrainException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get(recipe, attention: false)) { Subset = new TrainSubset.PerClass(1) }, folder["head"]));

        Assert.EndsWith(message, error.Message);
    }

    [Fact]
    public void All_maps_that_a_store_lacks_are_named_with_the_command_that_makes_them()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        TrainHead.Run(store, new(new LinearConfig { Pool = 4 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] }), folder["head"]);
        using var trained = TrainedHead.Open(folder["head/head.safetensors"]);
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(20, 20)), TinyNet.Request with { T = [50], Blocks = [4] }, folder["other"], new() { BatchSize = 20 });
        using var other = FeatureStore.Open(folder["other"]);

        var error = Assert.Throws<FeatureStoreException>(() => EvaluateHead.Run(trained, other));

        Assert.Contains("lacks 3 of 4 maps that are needed: t=50, block 5, pool 4; t=200, block 4, pool 4; t=200, block 5, pool 4. It holds t 50, blocks 4,", error.Message);
        Assert.EndsWith("diffract extract --model CKPT --data DIR --t 50,200 --blocks 4,5 --pool 4 --size 16x16 --precision fp32 --out STORE", error.Message);
    }

    [Fact]
    public void What_a_store_lacks_is_said_in_one_error()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        var pool = Assert.Throws<FeatureStoreException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 3 }, Quick), folder["a"]));
        var block = Assert.Throws<FeatureStoreException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick) { Blocks = [3] }, folder["b"]));

        Assert.Contains("Extract with --pool 3", pool.Message);
        Assert.Contains("lacks 2 of 2 maps that are needed: t=50, block 3, pool 1; t=200, block 3, pool 1. It holds t 50,200, blocks 4,5", block.Message);
    }

    [Fact]
    public void Features_of_another_size_are_refused_and_other_rounding_is_noted()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick), folder["head"]);
        using var trained = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        FeatureStore Other(string name, FeatureRequest request)
        {
            Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(100, 40)), request, folder[name], new() { BatchSize = 20 });
            return FeatureStore.Open(folder[name]);
        }
        using var large = Other("large", TinyNet.Request with { Height = 32, Width = 32 });
        using var unturned = Other("unturned", TinyNet.Request with { Exif = ExifPolicy.Ignore });
        var notes = new List<string>();

        var error = Assert.Throws<FeatureStoreException>(() => EvaluateHead.Run(trained, large));
        EvaluateHead.Run(trained, unturned, note: notes.Add);

        Assert.Contains("was made at 32x32 pixels with no class, the head was trained at 16x16 with no class", error.Message);
        Assert.Contains("EXIF", Assert.Single(notes));
        var named = EvaluateHead.Predict(trained, tiny.Backbone, [folder["store"], folder["none.png"]]).ToList();
        Assert.Equal([$"{folder["store"]}: is a folder; name the picture files in it", $"{folder["none.png"]}: there is no such file"], named.Select(p => p.Error));
    }
}
