using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

/// <summary>Heads of other layers than the standard ones, as the released code's layer strings describe them.</summary>
public class TokenLayerTests
{
    static readonly FeatureSpec Block = new(3, 6, 4, 4);

    static AttentionConfig Fusion(string layers) =>
        AttentionConfig.FromLayerString(layers) with { Tokens = new TokenConfig.Projected(2, TokenNorm.Joint), Ts = [10], Blocks = [Block], Classes = 5 };

    // Numbers count what the released code's list holds: an item of Attention a block, a Dense its activation.
    [Theory]
    [InlineData("Use_CLS_Token:True:8,Insert_CLS_Token,Attention:8:2:4:2,Attention:8:4:2:1,Dense:8:12:tanh,FullyPool,Dense:12:8:relu", "cls_token 1.norm1 2.norm1 3.norm1 4 7")]
    [InlineData("Use_CLS_Token:True:8,Attention:8:2:4:1,FullyPool", "0.norm1")]
    [InlineData("Use_CLS_Token:True:8,Dense:8:8:sigmoid,Attention:8:2:4:1,Flatten,Dense:32:8:identity", "0 2.norm1 4")]
    [InlineData("Dense:8:8:relu,Attention:8:2:4:1,Extract_CLS_Token", "0 2.norm1")]
    public void Parameters_are_numbered_as_in_the_released_code(string layers, string numbers)
    {
        var config = Fusion(layers);

        Assert.Equal(numbers.Split(' ').Order(), config.Parameters().Select(p => p.Name).Where(name => name.StartsWith("intra_inter_block_attention."))
            .Select(name => name.Replace("intra_inter_block_attention.", "").Replace("layers.", "")).Where(name => name == "cls_token" || name.EndsWith(".weight") && (name.Contains("norm1") || name.Count(c => c == '.') == 1))
            .Select(name => name.Replace(".weight", "")).Order());
        Assert.Equal(config.ParameterCount(), config.Parameters().Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Fact]
    public void Each_layer_does_what_its_word_says()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New(computeType: DType.Float64);
        Torch.Torch.ManualSeed(3);
        var head = Fusion("Use_CLS_Token:True:8,Insert_CLS_Token,Attention:8:2:4:1,Dense:8:12:tanh,Dense:12:8:sigmoid,Flatten,Dense:40:8:relu").Build(store.Root);
        using var off = GradMode.Off();
        foreach (var parameter in store.Parameters.Values)
        {
            parameter.Add_(Aten.Randn(parameter.Shape, DType.Float64), 0.3);
        }
        var map = Aten.Randn([3, 6, 4, 4], DType.Float64);
        Tensor P(string name) => store.Parameters["intra_inter_block_attention." + name];

        var logits = head.Forward(new Dictionary<FeatureKey, Tensor> { [new(10, 3)] = map }, training: false);

        var normed = Aten.LayerNorm(Aten.AdaptiveAvgPool2d(map, 2), [6, 2, 2], store.Parameters["pre_layer.3.1.weight"], store.Parameters["pre_layer.3.1.bias"]);
        var tokens = Aten.Linear(normed.Flatten(2).Transpose(1, 2), store.Parameters["pre_layer.3.2.weight"].Flatten(1), store.Parameters["pre_layer.3.2.bias"]);   // (3, 4, 8)
        var x = Aten.Cat([P("cls_token").Expand(3, 1, 8), tokens], 1);                     // (3, 5, 8)
        x = new TransformerBlock(store.Root["intra_inter_block_attention"]["layers"][1], 8, 2, 4).Forward(x);
        x = Dispatcher.Call("aten::tanh", Aten.Linear(x, P("layers.2.weight"), P("layers.2.bias")));
        x = Dispatcher.Call("aten::sigmoid", Aten.Linear(x, P("layers.4.weight"), P("layers.4.bias"))).Reshape(3, 40);
        x = Aten.Linear(x, P("layers.7.weight"), P("layers.7.bias")).Clamp(0, 1e9);
        var expected = Aten.Linear(x, store.Parameters["head.weight"], store.Parameters["head.bias"]);
        Assert.True((expected - logits).Abs().Max().Item() < 1e-12);
    }

    [Theory]
    [InlineData("Use_CLS_Token:True:8,Insert_CLS_Token,Attention:8:2:4:1,FullyPool", 5)]
    [InlineData("Use_CLS_Token:True:8,Attention:8:2:4:1,FullyPool", 4)]
    public void FullyPool_takes_the_mean_of_all_tokens_the_CLS_token_too(string layers, int tokens)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New(computeType: DType.Float64);
        var pooled = Fusion(layers).Build(store.Root);
        var each = Fusion(layers.Replace("FullyPool", $"Flatten,Dense:{8 * tokens}:8:identity")).Build(store.Root);
        using var off = GradMode.Off();
        var dense = store.Parameters.Single(pair => pair.Key.Count(c => c == '.') == 3 && pair.Key.Contains(".layers.") && pair.Key.EndsWith(".weight")).Value;
        dense.Zero_();
        for (var i = 0; i < 8; i++)
        {
            for (var token = 0; token < tokens; token++)
            {
                dense.Select(0, i).Narrow(0, 8 * token + i, 1).Fill_(1.0 / tokens);
            }
        }
        foreach (var bias in store.Parameters.Where(pair => pair.Key.Contains("layers.") && pair.Key.EndsWith(".bias") && pair.Key.Count(c => c == '.') == 3))
        {
            bias.Value.Zero_();
        }
        var maps = new Dictionary<FeatureKey, Tensor> { [new(10, 3)] = Aten.Randn([3, 6, 4, 4], DType.Float64) };

        Assert.True((pooled.Forward(maps, training: false) - each.Forward(maps, training: false)).Abs().Max().Item() < 1e-12);
    }

    // Two items of one block are one item of two: the golden head's numbers must come out.
    [Fact]
    public void Several_items_of_Attention_match_the_released_code()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("head_difformer");
        using var store = golden.Store("head.safetensors");
        var whole = (AttentionConfig)HeadGolden.Config(golden);
        var split = AttentionConfig.FromLayerString(golden.Description.GetProperty("fusion_arc").GetString()!.Replace(":4:4:2", ":4:4:1,Attention:64:4:4:1"));
        Assert.Equal([new TokenLayer.InsertCls(), new TokenLayer.Transformer(4, 4, 1), new TokenLayer.Transformer(4, 4, 1), new TokenLayer.First()], split.Layers!);
        var head = (whole with { Layers = split.Layers }).Build(store.Root);
        store.Verify("head");
        store.RequireGrad(true);
        var maps = HeadGolden.Maps(golden, whole);
        using (GradMode.Off())
        {
            golden.Check("logits_eval", head.Forward(maps, training: false));
        }

        Aten.CrossEntropy(head.Forward(maps, training: true), golden.Input("labels")).Backward();

        Assert.All(store.Parameters, pair => golden.Check($"grad/{pair.Key}", pair.Value.Grad!));
    }

    [Fact]
    public void Gradients_are_the_slopes_of_the_loss()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New(computeType: DType.Float64);
        Torch.Torch.ManualSeed(4);
        var head = Fusion("Use_CLS_Token:True:8,Insert_CLS_Token,Attention:8:2:4:1,Dense:8:8:tanh,Attention:8:4:2:1,FullyPool,Dense:8:8:sigmoid").Build(store.Root);
        var maps = new Dictionary<FeatureKey, Tensor> { [new(10, 3)] = Aten.Randn([3, 6, 4, 4], DType.Float64) };
        var weights = Aten.Randn([3, 5], DType.Float64);
        Tensor Loss() => (head.Forward(maps, training: true) * weights).Mean();
        using (GradMode.Off())
        {
            foreach (var parameter in store.Parameters.Values)
            {
                parameter.Add_(Aten.Randn(parameter.Shape, DType.Float64), 0.3);           // a CLS token of zeros has no slope to speak of
            }
        }

        store.RequireGrad(true);
        Loss().Backward();

        Slopes.AssertEqualGradients(store, Loss, way: 1e-5, relative: 1e-6, least: 1e-2);
    }

    [Theory]
    [InlineData("""[{"kind": "insertCls"}, {"kind": "transformer", "heads": 3}, {"kind": "first"}]""", "layers[1] (transformer): heads is 3, which does not divide width 8")]
    [InlineData("""[{"kind": "first"}, {"kind": "transformer"}]""", "layers[1] (transformer): the tokens are read out before it")]
    [InlineData("""[{"kind": "transformer"}]""", "layers do not read the tokens out")]
    [InlineData("""[{"kind": "dense", "width": 9, "activation": "gelu"}, {"kind": "insertCls"}, {"kind": "mean"}]""", "layers[0].activation is \"gelu\"", "layers[1] (insertCls): the CLS token has width 8, the tokens there 9")]
    [InlineData("""[{"kind": "pool"}, {"kind": "mean", "of": 3}]""", "layers[0] is {\"kind\": \"pool\"}, expected an object with kind insertCls", "unknown key layers[1].of")]
    [InlineData("""[]""", "the number of layers is 0")]
    public void Layers_that_cannot_be_built_are_refused(string layers, params string[] faults)
    {
        using var json = System.Text.Json.JsonDocument.Parse($$"""{"kind": "attention", "dim": 8, "layers": {{layers}}}""");

        var error = Assert.Throws<HeadConfigException>(() => HeadConfig.Parse(json.RootElement, "head.json"));

        Assert.All(faults, fault => Assert.Contains(fault, error.Message));
    }
}
