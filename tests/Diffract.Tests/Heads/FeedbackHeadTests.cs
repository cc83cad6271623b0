using System.Text.Json;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class FeedbackHeadTests
{
    static readonly UNetLayout Layout = new(TinyNet.Config);

    static FeedbackHeadConfig Config(string strategy, params int[] read) => new()
    {
        Net = TinyNet.Config, ReadBlocks = read, Feedback = FeedbackConfig.Of(FeedbackStrategy.Parse(strategy), Layout), Reader = new LinearConfig { Pool = 2 },
    };

    // The gradient of a weight against the slope of the loss, in float64, with every kind of layer.
    [Fact]
    public void Gradients_of_the_layers_are_the_slopes_of_the_loss()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var frozen = Doubles(tiny);
        using var trained = ParameterStore.New(computeType: DType.Float64);
        Torch.Torch.ManualSeed(7);
        var config = Config("6-4,9-1", 7).Feedback with { Layers = FeedbackConfig.ParseLayers("C_B_S_C_G_R") };
        var layers = new FeedbackLayers(trained.Root, config, Layout);
        var net = new UNet(frozen.Root, TinyNet.Config);
        var extractor = new FeedbackExtractor(net, layers, [7]);
        var steps = Aten.Full([2], 50, DType.Int64);
        var first = extractor.First(Aten.Randn([2, 3, 16, 16], DType.Float64), steps);
        var weights = Aten.Randn([2, 64, 16, 16], DType.Float64);
        Tensor Loss() => (extractor.Second(first, steps, null, training: true)[7] * weights).Mean();
        Assert.Equal([1, 6, 9], FeedbackExtractor.FirstPassBlocks(config, Layout, [7]));

        trained.RequireGrad(true);
        Loss().Backward();

        Slopes.AssertEqualGradients(trained, Loss, way: 1e-7, relative: 1e-5, least: 1e-3); // a longer way crosses corners of ReLU
    }

    [Theory]
    [InlineData("bottleneck", 7)]
    [InlineData("9-3", 8)]
    public void The_second_pass_goes_on_from_the_first_as_if_it_had_begun_anew(string strategy, int read)
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var trained = ParameterStore.New();
        Torch.Torch.ManualSeed(8);
        var config = Config(strategy, read).Feedback;
        var layers = new FeedbackLayers(trained.Root, config, Layout);
        var extractor = new FeedbackExtractor(tiny.Net, layers, [read]);
        var (x, steps) = (Aten.Randn([3, 3, 16, 16]), Aten.Full([3], 50, DType.Int64));
        using var off = GradMode.Off();

        var first = extractor.First(x, steps);
        var second = extractor.Second(first, steps, null, training: false)[read];

        var whole = tiny.Net.Run(x, steps, null, read, (b, h) => config.Pairs.Index().Where(pair => pair.Item.To == b)
            .Aggregate(h, (sum, pair) => sum + Aten.UpsampleBilinear2d(layers.Forward(pair.Index, first.Maps[pair.Item.From], training: false), h.Size(2), h.Size(3))));
        Assert.Equal(whole.ToArray<float>(), second.ToArray<float>());
        Assert.NotEqual(tiny.Net.ForwardFeatures(x, steps, [read])[read].ToArray<float>(), second.ToArray<float>());
    }

    [Fact]
    public void Gradients_are_recorded_from_the_first_added_map_on_and_to_the_layers_alone()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var trained = ParameterStore.New();
        var extractor = new FeedbackExtractor(tiny.Net, new(trained.Root, Config("windowed", 7).Feedback, Layout), [7]);
        trained.RequireGrad(true);
        var steps = Aten.Full([2], 50, DType.Int64);

        var first = extractor.First(Aten.Randn([2, 3, 16, 16]), steps);
        var map = extractor.Second(first, steps, null, training: true)[7];
        map.Mean().Backward();

        Assert.All(first.State.Outputs.Values.Concat(first.Maps.Values), kept => Assert.False(kept.RequiresGrad));
        Assert.True(map.RequiresGrad);
        Assert.All(tiny.Store.Parameters.Values, weight => Assert.Null(weight.Grad));
        Assert.All(trained.Parameters.Values, weight => Assert.NotNull(weight.Grad));
    }

    [Fact]
    public void The_configuration_is_read_as_it_was_written()
    {
        var config = Config("multi-scale:3", 7).Complete([50], [.. Config("multi-scale:3", 7).FirstPassBlocks.Select(b => FeatureSpec.Of(Layout, b, 16, 16))], 10);
        using var json = JsonDocument.Parse(config.ToJson().ToJsonString());

        var read = HeadConfig.Parse(json.RootElement, "test");

        read.Check("test");
        Assert.Equal(config.ToJson().ToJsonString(), read.ToJson().ToJsonString());
        Assert.Equal(config.Parameters().Select(p => p.Name), read.Parameters().Select(p => p.Name));
        Assert.Contains(config.Parameters(), p => p.Name == "feedback_layers.3.0.weight");
    }

    // Tokens of the first pass, then of the second; a block of both passes has one tokeniser. The reader alone, given the two maps as if they were two blocks', is the check.
    [Fact]
    public void A_reader_sees_first_pass_maps_beside_the_second_passes()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var store = ParameterStore.New();
        Torch.Torch.ManualSeed(9);
        var reader = new AttentionConfig { Dim = 8, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4) };
        var config = (FeedbackHeadConfig)(Config("bottleneck", 7) with { Reader = reader, FirstReadBlocks = [5, 7] })
            .Complete([50], [.. (Config("bottleneck", 7) with { Reader = reader, FirstReadBlocks = [5, 7] }).FirstPassBlocks.Select(b => FeatureSpec.Of(Layout, b, 16, 16))], 3);
        Assert.Equal([5, 7], config.Reader.Blocks.Select(b => b.Block));
        Assert.Superset(new HashSet<int> { 5, 7 }, config.FirstPassBlocks.ToHashSet());
        var head = config.Build(store.Root);
        head.Attach(tiny.Net);
        using var off = GradMode.Off();
        foreach (var parameter in store.Parameters.Values)
        {
            parameter.Add_(Aten.Randn(parameter.Shape), 0.1);
        }
        var (x, steps) = (Aten.Randn([3, 3, 16, 16]), Aten.Full([3], 50, DType.Int64));
        var first = tiny.Net.ForwardFeatures(x, steps, [.. config.FirstPassBlocks]);

        var logits = head.Forward(first.ToDictionary(pair => new FeatureKey(50, pair.Key), pair => pair.Value), training: false);

        var layers = new FeedbackLayers(store.Root["feedback_layers"], config.Feedback, Layout);
        var extractor = new FeedbackExtractor(tiny.Net, layers, [7]);
        var second = extractor.Second(extractor.First(x, steps), steps, null, training: false)[7];
        using var copies = ParameterStore.New();
        var alone = (reader with { Ts = [50], Blocks = [new(5, 64, 8, 8), new(7, 64, 16, 16), new(8, 64, 16, 16)], Classes = 3 }).Build(copies.Root); // 8 stands for block 7 of the second pass
        foreach (var (name, parameter) in copies.Parameters)
        {
            parameter.Copy_(store.Parameters[name.Replace("pre_layer.8.", "pre_layer.7.")]);
        }
        var expected = alone.Forward(new Dictionary<FeatureKey, Tensor> { [new(50, 5)] = first[5], [new(50, 7)] = first[7], [new(50, 8)] = second }, training: false);
        Assert.True((expected - logits).Abs().Max().Item() < 1e-5);
        Assert.NotEqual(first[7].ToArray<float>(), second.ToArray<float>());
        using var json = JsonDocument.Parse(config.ToJson().ToJsonString());
        Assert.Equal(config.ToJson().ToJsonString(), HeadConfig.Parse(json.RootElement, "test").ToJson().ToJsonString());
    }

    [Fact]
    public void First_pass_maps_that_a_reader_cannot_take_are_refused()
    {
        var config = Config("bottleneck", 7) with { FirstReadBlocks = [5] };

        Assert.Contains("only attention heads read both passes", Assert.Throws<HeadConfigException>(() => config.Check("test")).Message);
        Assert.Contains("has block 0; this net has blocks 1 to 9", Assert.Throws<HeadConfigException>(() => (config with { Reader = new AttentionConfig(), FirstReadBlocks = [0] }).Check("test")).Message);
        Assert.Contains("expected an ascending list", Assert.Throws<HeadConfigException>(() => (config with { Reader = new AttentionConfig(), FirstReadBlocks = [6, 2] }).Check("test")).Message);
        Assert.Contains("has block 12; this net has blocks 1 to 9", Assert.Throws<HeadConfigException>(() => (config with { Reader = new AttentionConfig(), FirstReadBlocks = [12] }).Check("test")).Message);
    }

    [Theory]
    [InlineData("""{"kind": "diffeed", "reader": {"kind": "linear"}}""", "unet, feedback, readBlocks not given")]
    [InlineData("""{"kind": "diffeed", "unet": {"image_sise": 3}, "feedback": {}, "reader": {"kind": "linear"}, "readBlocks": [7]}""", "image_sise")]
    [InlineData("""{"kind": "diffeed", "unet": {}, "feedback": {"strategy": "x", "pairs": [], "layers": []}, "reader": {"kind": "nose"}, "readBlocks": [7]}""", "kind is 'nose'")]
    public void A_configuration_that_cannot_be_used_is_refused(string text, string fault)
    {
        using var json = JsonDocument.Parse(text);

        Assert.Contains(fault, Assert.Throws<HeadConfigException>(() => HeadConfig.Parse(json.RootElement, "test")).Message);
    }

    [Theory]
    [InlineData("windowed", 2, "what goes to 4 must come before")]
    [InlineData("6-4", 3, "no block before 4 sees any of it")]
    public void Feedback_that_cannot_reach_the_head_is_refused(string strategy, int read, string fault) =>
        Assert.Contains(fault, Assert.Throws<HeadConfigException>(() => Config(strategy, read).Check("test")).Message);

    static ParameterStore Doubles(TinyNet tiny)
    {
        var store = ParameterStore.New(computeType: DType.Float64);
        _ = new UNet(store.Root, TinyNet.Config);
        using var off = GradMode.Off();
        foreach (var (name, parameter) in store.Parameters)
        {
            parameter.Copy_(tiny.Store.Parameters[name]);
        }
        return store;
    }
}
