using System.Text.Json;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class HeadConfigTests
{
    static readonly UNetLayout Published = new(new UNetConfig());

    public static TheoryData<string> PublishedHeads
    {
        get
        {
            using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", "heads.json")));
            return [.. document.RootElement.GetProperty("heads").EnumerateObject().Select(head => head.Name)];
        }
    }

    [Theory, MemberData(nameof(PublishedHeads))]
    public void Parameters_equal_those_of_the_released_code_on_the_256_net(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", "heads.json")));
        var head = document.RootElement.GetProperty("heads").GetProperty(name);
        var given = head.GetProperty("config");
        var classes = int.Parse(name.Split('_')[^1]);
        int[] List(string key, int otherwise) => given.TryGetProperty(key, out var list) ? [.. list.EnumerateArray().Select(v => v.GetInt32())] : [otherwise];
        HeadConfig config = given.TryGetProperty("pool", out var pool)
            ? new LinearConfig { Pool = pool.GetInt32(), Hidden = given.TryGetProperty("head_arc", out var arc) ? [.. HeadGolden.Widths(arc.GetString()!)] : [] }
            : given.TryGetProperty("fusion_arc", out var layers) ? AttentionConfig.FromLayerString(layers.GetString()!) : new AttentionConfig();
        config = config with { Ts = List("t", 150), Blocks = [.. List("b", 24).Select(b => FeatureSpec.Of(Published, b, 256, 256))], Classes = classes };

        var actual = config.Parameters().Select(p => $"{p.Name} [{string.Join(",", p.Shape)}]");

        Assert.Equal(head.GetProperty("state_dict").EnumerateObject().Select(p => $"{p.Name} {p.Value}".Replace(", ", ",")).Order(), actual.Order());
        Assert.Equal(head.GetProperty("n_params").GetInt64(), config.ParameterCount());
    }

    [Fact]
    public void ParameterCount_of_an_attention_head_on_a_vision_transformers_last_layer_is_as_published()
    {
        var config = new AttentionConfig { Tokens = new TokenConfig.Projected(16, TokenNorm.Channels), Ts = [0], Blocks = [new(12, 768, 14, 14)], Classes = 50 };

        Assert.Equal(26.03, config.ParameterCount() / 1e6, 0.005);
    }

    public static TheoryData<HeadConfig> Various =>
    [
        new LinearConfig { Ts = [90, 150], Blocks = [new(3, 8, 16, 16), new(5, 12, 4, 8)], Classes = 7, Pool = 3, BatchNorm = true },
        new LinearConfig { Ts = [0], Blocks = [new(3, 8, 16, 16)], Classes = 7, Hidden = [5, 6] },
        new CnnConfig { Ts = [10, 20], Blocks = [new(3, 8, 16, 16), new(5, 12, 7, 9)], Classes = 7, Widths = [5, 6] },
        new CnnConfig { Ts = [10], Blocks = [new(3, 8, 2, 1)], Classes = 7, Widths = [5, 4, 3], Padding = 1, Pool = 1 },
        new AttentionConfig { Ts = [10, 20], Blocks = [new(3, 8, 16, 16), new(5, 12, 4, 8)], Classes = 7, Dim = 12, Heads = 3, Depth = 1, MlpRatio = 2.5, Tokens = new TokenConfig.Projected(6, TokenNorm.Batch) },
        new AttentionConfig { Ts = [10], Blocks = [new(3, 8, 16, 16)], Classes = 7, Dim = 12, Heads = 3, Tokens = new TokenConfig.Projected(6, TokenNorm.Channels) },
        new AttentionConfig { Ts = [10, 20], Blocks = [new(3, 8, 16, 16), new(5, 8, 4, 8)], Classes = 7, Dim = 8, Heads = 2, Tokens = new TokenConfig.Pooled(4, 2) },
        new AttentionConfig { Ts = [10], Blocks = [new(3, 8, 16, 16)], Classes = 7, Dim = 8, Heads = 2, Tokens = new TokenConfig.Pooled(1) },
        new AttentionConfig
        {
            Ts = [10, 20], Blocks = [new(3, 8, 16, 16), new(5, 12, 4, 8)], Classes = 7, Dim = 12, Tokens = new TokenConfig.Projected(6),
            Layers = [new TokenLayer.Dense(8, Activation.Sigmoid), new TokenLayer.Transformer(4, 2.5, 2), new TokenLayer.Flatten(), new TokenLayer.Dense(6, Activation.Relu), new TokenLayer.Dense(5)],
        },
        new AttentionConfig
        {
            Ts = [10], Blocks = [new(3, 8, 15, 16)], Classes = 7, Dim = 8, Tokens = new TokenConfig.Pooled(3, 2),
            Layers = [new TokenLayer.InsertCls(), new TokenLayer.Transformer(2, 4, 1), new TokenLayer.Flatten(), new TokenLayer.Dense(9, Activation.Tanh)],
        },
    ];

    [Theory, MemberData(nameof(Various))]
    public void Config_comes_back_from_JSON_as_it_was(HeadConfig config)
    {
        var text = config.ToJson().ToJsonString();
        using var document = JsonDocument.Parse(text);

        var read = HeadConfig.Parse(document.RootElement, "test");

        Assert.Equal(config.GetType(), read.GetType());
        Assert.Equal(text, read.ToJson().ToJsonString());
        Assert.Equal(config.Parameters().Select(p => p.Name), read.Parameters().Select(p => p.Name));
    }

    [Theory, MemberData(nameof(Various))]
    public void Parameters_are_those_that_a_new_head_has_and_its_logits_have_the_right_shape(HeadConfig config)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var head = config.Build(store.Root);
        var maps = config.Keys.ToDictionary(key => key, key => config.Blocks.Single(b => b.Block == key.Block) is var b ? Aten.Randn([3, b.Channels, b.Height, b.Width]) : null!);

        Assert.Equal(store.Parameters.Select(p => $"{p.Key} {string.Join(",", p.Value.Shape)}"), config.Parameters().Select(p => $"{p.Name} {string.Join(",", p.Shape)}"));
        Assert.Equal([3, 7], head.Forward(maps, training: false).Shape);
        Assert.Equal([3, 7], head.Forward(maps, training: true).Shape);
    }

    [Fact]
    public void Parse_gives_defaults_for_what_is_left_out_and_leaves_the_rest_to_be_filled_in()
    {
        using var document = JsonDocument.Parse("""{"kind": "attention", "depth": 3}""");

        var config = Assert.IsType<AttentionConfig>(HeadConfig.Parse(document.RootElement, "test"));

        Assert.Equal(new AttentionConfig { Depth = 3, Ts = config.Ts, Blocks = config.Blocks }, config);
        var error = Assert.Throws<HeadConfigException>(() => config.Parameters());
        Assert.Contains("ts is not given; blocks is not given; classes is not given", error.Message);
    }

    [Theory]
    [InlineData("""{"kind": "attention", "dim": 30, "heads": 4, "depth": 0, "mlpRatio": "x", "tokens": {"kind": "projected", "norm": "group", "sise": 3}, "ts": [150, 90], "pool": 2}""",
        "heads is 4, which does not divide dim 30", "depth is 0", "mlpRatio is \"x\"", "tokens.norm is \"group\"", "unknown key tokens.sise", "ts is [150, 90], expected an ascending list", "unknown key pool")]
    [InlineData("""{"kind": "linear", "pool": 0, "classes": -1, "hidden": [3], "blocks": [{"block": 2, "channels": 0, "height": 1, "width": 1}, {"block": 2, "channels": 1, "height": 1, "width": 1}]}""",
        "pool is 0", "classes is -1", "unknown key hidden", "block 2: channels is 0", "blocks is [2, 2], expected an ascending list without repeats")]
    [InlineData("""{"kind": "mlp", "ts": 150, "blocks": [24], "batchNorm": 1, "pool": 1.5}""", "hidden is not given", "ts is 150, expected a list", "blocks is [24]", "batchNorm is 1", "pool is 1.5")]
    [InlineData("""{"kind": "attention", "dim": 8, "tokens": {"kind": "pooled", "kernel": 4}, "blocks": [{"block": 1, "channels": 9, "height": 2, "width": 8}]}""", "block 1 has 9 channels and dim is 8", "block 1 is 2 x 8, smaller than")]
    [InlineData("""{"kind": "attention", "dim": 8, "tokens": {"kind": "pooled", "kernel": 0}, "layers": [{"kind": "flatten"}], "blocks": [{"block": 1, "channels": 8, "height": 8, "width": 8}]}""", "kernel")]
    [InlineData("""{"kind": "cnn", "widths": [8, 0], "padding": 2, "depth": 1, "blocks": [{"block": 1, "channels": 9, "height": 6, "width": 8}]}""", "a width of widths is 0", "padding is 2", "unknown key depth")]
    [InlineData("""{"kind": "cnn", "blocks": [{"block": 1, "channels": 9, "height": 6, "width": 8}]}""", "block 1 is 6 x 8; 2 convolutions with padding 0 need 7 x 7")]
    [InlineData("""{"kind": "cnm"}""", "kind is 'cnm', expected linear, mlp, cnn, attention")]
    [InlineData("""[1]""", "expected an object with a kind")]
    public void Parse_names_all_faults_together(string json, params string[] faults)
    {
        using var document = JsonDocument.Parse(json);

        var error = Assert.Throws<HeadConfigException>(() => HeadConfig.Parse(document.RootElement, "recipe.json"));

        Assert.StartsWith("recipe.json: ", error.Message);
        Assert.All(faults, fault => Assert.Contains(fault, error.Message));
    }

    [Fact]
    public void Build_refuses_a_store_that_is_not_float32()
    {
        using var store = ParameterStore.From(new Dictionary<string, StoredTensor>(), DType.BFloat16);
        var config = new LinearConfig { Ts = [0], Blocks = [new(1, 3, 4, 4)], Classes = 2 };

        Assert.Throws<ArgumentException>(() => config.Build(store.Root));
    }
}
