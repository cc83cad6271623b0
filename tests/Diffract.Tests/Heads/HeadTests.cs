using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class HeadTests
{
    static readonly AttentionConfig TwoSteps = new()
    {
        Ts = [10, 20], Blocks = [new(2, 6, 4, 4), new(5, 4, 2, 2)], Classes = 3, Dim = 8, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Batch),
    };

    static Dictionary<FeatureKey, Tensor> Maps(HeadConfig config, int n = 5) =>
        config.Ts.SelectMany(t => config.Blocks.Select(b => (new FeatureKey(t, b.Block), Aten.Randn([n, b.Channels, b.Height, b.Width])))).ToDictionary();

    [Fact]
    public void AttentionHead_moves_batch_norms_statistics_once_a_step_of_the_noise_in_order()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(1);
        using var store = ParameterStore.New();
        var head = TwoSteps.Build(store.Root);
        var maps = Maps(TwoSteps);
        maps[new(20, 2)] = maps[new(20, 2)] * 3.0 + 1.0;

        head.Forward(maps, training: true);

        var state = store.All.ToDictionary(pair => pair.Key, pair => pair.Value);
        var (first, second) = (maps[new(10, 2)].Transpose(0, 1).Flatten(1).Mean(1), maps[new(20, 2)].Transpose(0, 1).Flatten(1).Mean(1));
        AssertClose(first * 0.1 * 0.9 + second * 0.1, state["pre_layer.2.1.running_mean"]);
        Assert.Equal(2, state["pre_layer.2.1.num_batches_tracked"].Item());
        head.Forward(maps, training: false);
        Assert.Equal(2, state["pre_layer.2.1.num_batches_tracked"].Item());
    }

    [Fact]
    public void AttentionHead_leaves_a_map_that_is_smaller_than_its_tokens_as_it_is()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var config = TwoSteps with { Ts = [10], Tokens = new TokenConfig.Projected(3, TokenNorm.Joint) };
        config.Build(store.Root);

        Assert.Equal([6, 3, 3], store.Parameters["pre_layer.2.1.weight"].Shape);
        Assert.Equal([4, 2, 2], store.Parameters["pre_layer.5.1.weight"].Shape);
    }

    [Fact]
    public void AttentionHead_with_the_norm_over_channels_standardises_each_place()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(7);
        using var store = ParameterStore.New();
        var head = (TwoSteps with { Ts = [10], Tokens = new TokenConfig.Projected(4, TokenNorm.Channels) }).Build(store.Root);
        var maps = Maps(TwoSteps with { Ts = [10] });
        var scale = Aten.Rand([5, 1, 4, 4]) + 1.0;

        var logits = head.Forward(maps, training: true);
        maps[new(10, 2)] = maps[new(10, 2)] * scale + Aten.Randn([5, 1, 4, 4]);            // another mean and size for every place

        AssertClose(logits, head.Forward(maps, training: true), 1e-4);                     // epsilon is not scaled along
        Assert.Equal([6], store.Parameters["pre_layer.2.1.weight"].Shape);
    }

    [Fact]
    public void LinearHead_enlarges_a_map_that_is_smaller_than_its_pool()
    {
        using var scope = new TensorScope();
        var config = new LinearConfig { Ts = [0], Blocks = [new(1, 2, 1, 1)], Classes = 3, Pool = 2 };

        var x = config.Vector(new Dictionary<FeatureKey, Tensor> { [new(0, 1)] = Tensor.From([1f, 2f, 3f, 4f], 2, 2, 1, 1) });

        Assert.Equal([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4], x.ToArray<float>());
    }

    [Fact]
    public void LinearHead_lays_channels_blocks_and_steps_side_by_side_in_order()
    {
        using var scope = new TensorScope();
        var config = new LinearConfig { Ts = [10, 20], Blocks = [new(1, 1, 2, 2), new(4, 2, 1, 1)], Classes = 3, Pool = 1 };
        var maps = new Dictionary<FeatureKey, Tensor>
        {
            [new(20, 4)] = Tensor.From([5f, 6f], 1, 2, 1, 1), [new(20, 1)] = Tensor.From([4f, 4f, 4f, 4f], 1, 1, 2, 2),
            [new(10, 4)] = Tensor.From([2f, 3f], 1, 2, 1, 1), [new(10, 1)] = Tensor.From([1f, 2f, 0f, 1f], 1, 1, 2, 2),
        };

        Assert.Equal([1, 2, 3, 4, 5, 6], config.Vector(maps).ToArray<float>());
    }

    [Fact]
    public void LinearHead_with_batch_norm_sees_standardised_values_in_training_and_stored_statistics_else()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(2);
        using var store = ParameterStore.New();
        var config = new LinearConfig { Ts = [0], Blocks = [new(1, 4, 1, 1)], Classes = 4, Pool = 1, BatchNorm = true };
        var head = config.Build(store.Root);
        store.Parameters["fcs.0.bias"].Zero_();
        store.Parameters["fcs.0.weight"].Copy_(Dispatcher.Call("aten::eye", 4));
        var x = Aten.Randn([64, 4, 1, 1]) * 5.0 + 3.0;
        var maps = new Dictionary<FeatureKey, Tensor> { [new(0, 1)] = x };

        var trained = head.Forward(maps, training: true);
        var stored = head.Forward(maps, training: false);

        AssertClose(Aten.Zeros([4]), trained.Mean(0));
        AssertClose(Aten.Ones([4]), trained.Square().Mean(0), 1e-4);
        var state = store.All.ToDictionary(pair => pair.Key, pair => pair.Value);
        AssertClose((x.Flatten(1) - state["norm.running_mean"]) / (state["norm.running_var"] + 1e-5).Sqrt(), stored);
        Assert.Equal(["fcs.0.weight", "fcs.0.bias"], store.Parameters.Keys);
        var one = new Dictionary<FeatureKey, Tensor> { [new(0, 1)] = x.Narrow(0, 0, 1) };
        Assert.Contains("at least 2 rows", Assert.Throws<ArgumentException>(() => head.Forward(one, training: true)).Message);
    }

    [Fact]
    public void Head_takes_maps_in_bfloat16_and_computes_in_float32()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(3);
        using var store = ParameterStore.New();
        var head = TwoSteps.Build(store.Root);
        var maps = Maps(TwoSteps).ToDictionary(pair => pair.Key, pair => pair.Value.To(DType.BFloat16));
        var same = maps.ToDictionary(pair => pair.Key, pair => pair.Value.To(DType.Float32));

        var logits = head.Forward(maps, training: false);

        Assert.Equal(DType.Float32, logits.DType);
        Assert.Equal(head.Forward(same, training: false).ToArray<float>(), logits.ToArray<float>());
    }

    [Fact]
    public void Head_says_which_map_is_missing_or_does_not_fit()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var head = TwoSteps.Build(store.Root);
        var maps = Maps(TwoSteps);
        maps.Remove(new(20, 5));
        Assert.Contains("needs block 5 at t = 20", Assert.Throws<ArgumentException>(() => head.Forward(maps, training: false)).Message);

        maps[new(20, 5)] = Aten.Randn([5, 9, 2, 2]);
        Assert.Contains("block 5 at t = 20 is (5, 9, 2, 2) Float32, the head was built for (N, 4, 2, 2)", Assert.Throws<ArgumentException>(() => head.Forward(maps, training: false)).Message);
    }

    [Fact]
    public void FeatureSpec_follows_from_the_nets_layout()
    {
        var layout = new Diffract.Models.UNetLayout(new());

        Assert.Equal(new FeatureSpec(24, 1024, 16, 16), FeatureSpec.Of(layout, 24, 256, 256));
        Assert.Equal(new FeatureSpec(30, 512, 32, 64), FeatureSpec.Of(layout, 30, 128, 256));
        Assert.Throws<ArgumentOutOfRangeException>(() => FeatureSpec.Of(layout, 38, 256, 256));
    }

    static void AssertClose(Tensor want, Tensor got, double tolerance = 1e-5)
    {
        Assert.Equal(want.Shape, got.Shape);
        Assert.All(want.ToArray<double>().Zip(got.ToArray<double>()), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
