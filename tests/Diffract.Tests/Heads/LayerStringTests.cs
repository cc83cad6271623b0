using Diffract.Heads;

namespace Diffract.Tests.Heads;

public class LayerStringTests
{
    [Theory]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token/anything")]
    public void FromLayerString_reads_the_fusion_heads(string text)
    {
        var config = AttentionConfig.FromLayerString(text);

        Assert.Equal(new AttentionConfig { Dim = 64, Heads = 4, MlpRatio = 4, Depth = 2, Ts = config.Ts, Blocks = config.Blocks }, config);
    }

    [Fact]
    public void FromLayerString_reads_a_head_without_projection()
    {
        var config = AttentionConfig.FromLayerString("Use_CLS_Token:True:64,Pool:2:1,Reshape,Insert_CLS_Token,Attention:64:8:2.5:3,Extract_CLS_Token,Dense:64:10:identity");

        Assert.Equal(new AttentionConfig { Tokens = new TokenConfig.Pooled(2, 1), Dim = 64, Heads = 8, MlpRatio = 2.5, Depth = 3, Classes = 10, Ts = config.Ts, Blocks = config.Blocks }, config);
    }

    [Fact]
    public void FromLayerString_reads_heads_of_other_layers()
    {
        var config = AttentionConfig.FromLayerString("Use_CLS_Token:False:64,Pool:3:2,Reshape,Attention:64:8:2:1,Attention:64:4:4:2,FullyPool,Dense:64:32:tanh,Dense:32:10:identity");

        Assert.Equal(new AttentionConfig { Tokens = new TokenConfig.Pooled(3, 2), Dim = 64, Classes = 10, Ts = config.Ts, Blocks = config.Blocks, Layers = config.Layers }, config);
        Assert.Equal([new TokenLayer.Transformer(8, 2, 1), new TokenLayer.Transformer(4, 4, 2), new TokenLayer.Mean(), new TokenLayer.Dense(32, Activation.Tanh)], config.Layers!);
    }

    // The released code's own example without a CLS token, with the word that it means: the first item's second value is the width of a token that nothing uses.
    [Fact]
    public void FromLayerString_reads_a_string_that_does_not_begin_with_a_CLS_token()
    {
        var config = AttentionConfig.FromLayerString("Pool:2:2,Reshape,Attention:1024:8:4:3,FullyPool,Dense:1024:1000:identity");

        Assert.Equal((1024, 1000), (config.Dim, config.Classes));
        Assert.Equal([new TokenLayer.Transformer(8, 4, 3), new TokenLayer.Mean()], config.Layers!);
    }

    [Fact]
    public void FromLayerString_reads_tokens_side_by_side()
    {
        var config = AttentionConfig.FromLayerString("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:8:2:1,Flatten,Dense:4160:64:relu");

        Assert.Equal([new TokenLayer.InsertCls(), new TokenLayer.Transformer(8, 2, 1), new TokenLayer.Flatten(), new TokenLayer.Dense(64, Activation.Relu)], config.Layers!);
    }

    [Theory]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,FullPool", "'FullPool' is not a layer", "FullyPool")]
    [InlineData("Use_CLS_Token:True:64,Pool:2:2,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "Pool where there are tokens: it works on maps, and the fusion head makes tokens")]
    [InlineData("Use_CLS_Token:True:64,Pool:2:2,Pool:2:2,Reshape,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "Pool, Pool before Reshape")]
    [InlineData("Use_CLS_Token:True:64,Flatten,Reshape,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "Flatten before Reshape")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Attention:32:4:4:2,Extract_CLS_Token", "Attention has width 64 and Attention 32")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token,Dense:64:32:relu", "the layers end with width 32 and the fusion head's last layer takes 64")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Flatten", "the layers end with all tokens side by side")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,FullyPool,Attention:64:4:4:2", "layers[3] (transformer): the tokens are read out before it")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2", "layers do not read the tokens out")]
    [InlineData("Use_CLS_Token::64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "write True")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token,Dense:64:64:gelu", "'gelu' is not identity, relu, sigmoid or tanh")]
    [InlineData("Use_CLS_Token:False:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "write True")]
    [InlineData("Use_CLS_Token:True:32,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "Use_CLS_Token has width 32 and Attention 64")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4,Extract_CLS_Token", "'Attention:64:4:4' has 3 values, expected 4")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:x:4:2,Extract_CLS_Token", "'x' is not a whole number")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:5:4:2,Extract_CLS_Token", "heads is 5, which does not divide dim 64")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:999999999999,Extract_CLS_Token", "is not a whole number")]
    [InlineData("Insert_CLS_Token,Use_CLS_Token:True:64,Attention:64:4:4:2,Extract_CLS_Token", "the layers are Insert_CLS_Token, Use_CLS_Token")]
    [InlineData("Use_CLS_Token:True:64,Reshape,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token,Dense:64:10:relu", "write identity")]
    [InlineData("", "'' is not a layer")]
    public void FromLayerString_refuses_what_it_cannot_use(string text, params string[] faults)
    {
        var error = Assert.Throws<HeadConfigException>(() => AttentionConfig.FromLayerString(text));

        Assert.All(faults, fault => Assert.Contains(fault, error.Message));
    }
}
