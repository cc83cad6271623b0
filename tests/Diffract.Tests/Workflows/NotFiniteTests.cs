using System.Buffers.Binary;
using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class NotFiniteTests
{
    static readonly ExtractItems Items = ExtractItems.Of(TinyNet.Pictures(100, 40));
    static readonly HeadRecipe Quick = HeadRecipes.Get("default", attention: false) with { Epochs = 3, BatchSize = 16, LearningRates = [1e-2], WeightDecays = [0] };
    static readonly AttentionConfig Attention = new() { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Channels) };

    [Fact]
    public void Rows_are_found_and_a_sum_that_overflows_is_none()
    {
        using var scope = new TensorScope();
        var maps = Aten.Full([3, 2, 1, 1], 3e38f, DType.Float32);
        Assert.Null(NotFinite.FirstRow(maps));
        maps.Span<float>()[3] = float.NegativeInfinity;
        Assert.Equal(1, NotFinite.FirstRow(maps));
        maps.Span<float>()[1] = float.NaN;
        Assert.Equal(0, NotFinite.FirstRow(maps));
    }

    [Theory, InlineData(DType.Float32), InlineData(DType.Float16)]
    public void Extraction_with_a_weight_that_is_not_a_number_stores_nothing(DType stored)
    {
        using var folder = new TemporaryFolder();
        using var tiny = Damaged();

        var error = Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, Items, TinyNet.Request with { StoredAs = stored }, folder["store"]));

        Assert.StartsWith($"{Items.Set.Items[0].Path}: the net gives NaN or infinity at t = 50, block 4. Its checkpoint is damaged", error.Message);
        Assert.Empty(Directory.GetFiles(folder["store"]));
    }

    [Fact]
    public void Features_beyond_float16_are_not_stored_as_infinity()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Change(tiny, parameter => parameter.Mul_(1e6), ".out_layers.3.weight");

        var error = Assert.Throws<FeatureStoreException>(() => Extract.Run(tiny.Backbone, Items, TinyNet.Request with { StoredAs = DType.Float16 }, folder["store"]));

        Assert.Contains("block 4 are too large for float16, which ends at 65,504. Store them as float32", error.Message);
        Assert.Equal(140, Extract.Run(tiny.Backbone, Items, TinyNet.Request, folder["store"]).Rows);
    }

    [Fact]
    public void Live_training_and_prediction_name_the_net()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using (var store = Store(folder, tiny))
        {
            TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick), folder["head"]);
        }
        using var head = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        using var damaged = Damaged();
        using var live = new LiveSource(damaged.Backbone, Items, TinyNet.Request, new());

        Assert.Contains(": the net gives NaN or infinity at t = 50, block 4", Assert.Throws<FeatureStoreException>(() => TrainHead.Run(live, new(new LinearConfig { Pool = 1 }, Quick), folder["live"])).Message);
        var prediction = Assert.Single(EvaluateHead.Predict(head, damaged.Backbone, Items.Set, [0]));
        Assert.StartsWith("the net gives NaN or infinity at t = 50, block 4", prediction.Error);
        Assert.Empty(prediction.Probabilities);
    }

    [Theory]
    [InlineData("linear", "default", PictureSplit.Train)]
    [InlineData("linear", "default", PictureSplit.Test)]
    [InlineData("linear", "logistic", PictureSplit.Train)]
    [InlineData("linear", "logistic", PictureSplit.Test)]
    [InlineData("mlp", "default", PictureSplit.Train)]
    [InlineData("mlp", "default", PictureSplit.Test)]
    [InlineData("attention", "default", PictureSplit.Train)]
    [InlineData("attention", "default", PictureSplit.Test)]
    public void A_stored_value_that_is_not_a_number_is_named_by_picture_step_and_block(string kind, string recipe, PictureSplit split)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        int row;
        using (var sound = Store(folder, tiny))
        {
            row = sound.RowsOf(split)[7];
        }
        Poison(folder["store"], "t200/b05", row);
        using var store = FeatureStore.Open(folder["store"]);
        HeadConfig head = kind == "attention" ? Attention : new LinearConfig { Pool = 1, Hidden = kind == "mlp" ? [8] : [] };
        var request = new TrainHeadRequest(head, recipe == "default" ? Quick with { LearningRates = [1e-3, 1e-2] } : HeadRecipes.Get(recipe, attention: false));

        var error = Assert.Throws<FeatureStoreException>(() => TrainHead.Run(store, request, folder["head"]));

        Assert.Contains($"the features of {store.ReadRows().ElementAt(row).File} (row {row}) at t = 200, block 5 hold NaN or infinity", error.Message);
        Assert.Contains("extract again", error.Message);
        var ofNeighbours = Assert.Throws<ArgumentException>(() => NearestNeighbours.Run(store, new NeighboursRequest { T = [200] }));
        Assert.Contains($"{store.ReadRows().ElementAt(row).File} holds NaN or infinity", ofNeighbours.Message);
    }

    [Fact]
    public void Evaluation_refuses_a_damaged_row_and_a_damaged_head()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick), folder["head"]);
        using var head = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        Poison(folder["store"], "t050/b04", store.RowsOf(PictureSplit.Test)[3]);
        using var damaged = FeatureStore.Open(folder["store"]);
        Assert.Contains("at t = 50, block 4 hold NaN or infinity", Assert.Throws<FeatureStoreException>(() => EvaluateHead.Run(head, damaged)).Message);

        Poison(folder["head"], "fcs.0.bias", 2, TrainHead.HeadFileName);
        using var other = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));
        Extract.Run(tiny.Backbone, Items, TinyNet.Request, folder["sound"]);
        using var sound = FeatureStore.Open(folder["sound"]);
        Assert.Contains("NaN or infinity for 40 of 40 pictures", Assert.Throws<HeadConfigException>(() => EvaluateHead.Run(other, sound)).Message);
        Assert.StartsWith("the head gives NaN", Assert.Single(EvaluateHead.Predict(other, tiny.Backbone, Items.Set, [0])).Error);
    }

    [Fact]
    public void A_head_that_diverges_is_an_error_and_no_score()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        TrainHeadRequest With(HeadConfig head, params double[] rates) => new(head, Quick with { Optimizer = OptimizerKind.Sgd, LearningRates = rates });

        var all = Assert.Throws<TrainException>(() => TrainHead.Run(store, With(Attention, 1e12, 1e13), folder["all"]));
        Assert.Contains("diverged with each of 2 settings", all.Message);
        Assert.Contains("learning rates 1000000000000, 10000000000000", all.Message);
        var grid = Assert.Throws<TrainException>(() => TrainHead.Run(store, With(new LinearConfig { Pool = 1 }, 1e38, 3e38), folder["grid"]));
        Assert.Contains("linear diverged with each of 2 settings", grid.Message);

        var one = Assert.Throws<TrainException>(() => TrainHeads.Run(new StoreSource(store), [new("sound", With(new LinearConfig { Pool = 1 }, 1e-2)), new("wild", With(Attention, 1e12))], folder["two"]));
        Assert.Contains("attention, trained with learning rate 1000000000000, diverged: it gives NaN or infinity for 40 of 40 test pictures", one.Message);
        Assert.True(File.Exists(Path.Combine(folder["two"], "sound", TrainHead.ResultFile)));
        Assert.False(Directory.Exists(Path.Combine(folder["two"], "wild")));
    }

    static TinyNet Damaged()
    {
        var tiny = new TinyNet();
        Change(tiny, parameter => parameter.Mul_(double.NaN), "input_blocks.0.0.bias");
        return tiny;
    }

    // Every parameter whose name ends so.
    static void Change(TinyNet tiny, Action<Tensor> change, string name)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        foreach (var parameter in tiny.Store.Parameters.Where(pair => pair.Key.EndsWith(name, StringComparison.Ordinal)))
        {
            change(parameter.Value);
        }
    }

    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny)
    {
        Extract.Run(tiny.Backbone, Items, TinyNet.Request, folder["store"]);
        return FeatureStore.Open(folder["store"]);
    }

    // NaN as the first value of a row of each tensor whose name begins so, written into the file as a fault of the disk would.
    static void Poison(string folder, string name, int row, string? file = null)
    {
        var path = Path.Combine(folder, file ?? StoreManifest.ShardName(0));
        var bytes = File.ReadAllBytes(path);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var tensors = JsonDocument.Parse(bytes.AsMemory(8, header));
        foreach (var tensor in tensors.RootElement.EnumerateObject().Where(tensor => tensor.Name.StartsWith(name, StringComparison.Ordinal)))
        {
            var offsets = tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32()).ToArray();
            var rows = tensor.Value.GetProperty("shape")[0].GetInt32();
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(8 + header + offsets[0] + (offsets[1] - offsets[0]) / rows * row), float.NaN);
        }
        File.Delete(path);                                                                 // a mapped file keeps what it was
        File.WriteAllBytes(path, bytes);
    }
}
