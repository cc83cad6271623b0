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

    [Theory]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:2,FullPool", "'FullPool' is not a layer")]
    [InlineData("Use_CLS_Token:False:64,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "write True")]
    [InlineData("Use_CLS_Token:True:32,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token", "Use_CLS_Token has width 32 and Attention 64")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4,Extract_CLS_Token", "'Attention:64:4:4' has 3 values, expected 4")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:x:4:2,Extract_CLS_Token", "'x' is not a whole number")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:5:4:2,Extract_CLS_Token", "heads is 5, which does not divide dim 64")]
    [InlineData("Use_CLS_Token:True:64,Insert_CLS_Token,Attention:64:4:4:999999999999,Extract_CLS_Token", "is not a whole number")]
    [InlineData("Insert_CLS_Token,Use_CLS_Token:True:64,Attention:64:4:4:2,Extract_CLS_Token", "the layers are Insert_CLS_Token, Use_CLS_Token")]
    [InlineData("Use_CLS_Token:True:64,Reshape,Insert_CLS_Token,Attention:64:4:4:2,Extract_CLS_Token,Dense:64:10:relu", "write identity")]
    [InlineData("", "'' is not a layer")]
    public void FromLayerString_refuses_what_it_cannot_use(string text, string fault)
    {
        var error = Assert.Throws<HeadConfigException>(() => AttentionConfig.FromLayerString(text));

        Assert.Contains(fault, error.Message);
    }
}
