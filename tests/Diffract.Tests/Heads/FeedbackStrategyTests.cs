using Diffract.Heads;
using Diffract.Models;

namespace Diffract.Tests.Heads;

public class FeedbackStrategyTests
{
    static readonly UNetLayout Net256 = new(new UNetConfig());

    // The second paper's Table 4: 2.8, 5.2, 7.6 and 5.2 million.
    [Theory]
    [InlineData("bottleneck", "21-17 24-14 27-11 30-8 33-5 36-2", 2_759_680)]
    [InlineData("windowed", "20-18 21-17 22-16 23-15 24-14", 5_253_120)]
    [InlineData("multi-scale", "20-14 21-14 22-14 23-14 24-14", 5_253_120)]
    [InlineData("multi-scale:18", "20-18 21-18 22-18 23-18 24-18", 5_253_120)]
    [InlineData("all", "20-18 21-17 22-16 23-15 24-14 25-13 26-12 27-11 28-10 29-9 30-8 31-7 32-6 33-5 34-4 35-3 36-2 37-1", 7_622_144)]
    [InlineData("24,21-14", "21-14 24-14", 2_101_248)]
    public void Strategies_on_the_256_net_are_the_papers(string text, string pairs, long parameters)
    {
        var strategy = FeedbackStrategy.Parse(text);
        var plan = strategy.On(Net256);

        Assert.Equal(pairs, string.Join(' ', plan.Pairs));
        Assert.Equal(parameters, FeedbackConfig.Of(strategy, Net256).ParameterCount(Net256));
        Assert.Equal(text == "multi-scale" ? 1 : 0, plan.Notes.Count);
        Assert.Equal(plan.Pairs, FeedbackStrategy.Parse(strategy.Name).On(Net256).Pairs);
    }

    // Channels 128 128 64 64 64 in the mirrors 9 to 5 of the first five decoder blocks.
    [Fact]
    public void Multi_scale_feeds_the_first_of_the_widest_blocks()
    {
        var layout = new UNetLayout(new() { ImageSize = 32, ModelChannels = 32, ChannelMult = [1, 2, 4], AttentionFactors = new HashSet<int> { 4 }, NumHeadChannels = 32 });

        Assert.Equal("11-8 12-8 13-8 14-8 15-8", string.Join(' ', FeedbackStrategy.Parse("multi-scale").On(layout).Pairs));
    }

    [Theory]
    [InlineData("bottleneck", "5-3 7-1", "number 1 of each")]
    [InlineData("windowed", "5-3 6-2 7-1 8-0", "4 blocks, not 5")]
    public void What_does_not_fit_a_small_net_is_said(string text, string pairs, string note)
    {
        var layout = new UNetLayout(TinyNet.Config);                                       // 4 encoder blocks, the middle, 4 decoder blocks: two a level
        Assert.Equal(9, layout.Blocks.Count);
        var plan = FeedbackStrategy.Parse(text).On(layout);

        Assert.Equal(pairs, string.Join(' ', plan.Pairs.Select(pair => pair with { From = pair.From - 1, To = pair.To - 1 })));
        Assert.Contains(note, Assert.Single(plan.Notes));
    }

    [Theory]
    [InlineData("sideways", "expected all, bottleneck, windowed, multi-scale, multi-scale:BLOCK")]
    [InlineData("21-17-3", "pairs of a decoder and an encoder block")]
    [InlineData("19-14", "decoder has blocks 20 to 37, its encoder blocks 1 to 18")]
    [InlineData("24-14,24", "24-14 is there 2 times")]
    [InlineData("multi-scale:19", "20-19: this net's decoder")]
    public void A_strategy_that_cannot_be_used_is_refused(string text, string fault)
    {
        var error = Assert.Throws<ArgumentException>(() => FeedbackStrategy.Parse(text).On(Net256));

        Assert.Contains(fault, error.Message);
    }

    [Fact]
    public void Layers_are_the_released_codes_letters()
    {
        Assert.Equal([FeedbackLayer.Convolution, FeedbackLayer.GroupNorm, FeedbackLayer.Silu, FeedbackLayer.Convolution, FeedbackLayer.BatchNorm, FeedbackLayer.Relu], FeedbackConfig.ParseLayers("C_G_S_C_B_R"));
        Assert.Contains("'X' is not one of", Assert.Throws<ArgumentException>(() => FeedbackConfig.ParseLayers("C_X")).Message);
        Assert.Contains("C must come first, it leads from the one block's channels to the other's, and blocks 25-13 have 1024 and 512",
            Assert.Throws<ArgumentException>(() => (FeedbackConfig.Of(new FeedbackStrategy.All(), Net256) with { Layers = FeedbackConfig.ParseLayers("B_R") }).Check(Net256)).Message);
        var config = FeedbackConfig.Of(new FeedbackStrategy.Bottleneck(), Net256) with { Layers = FeedbackConfig.ParseLayers("C_B_R_C_B") };
        Assert.Equal(2_759_680 + 2 * (1024 + 512 + 256) * (9 + 2), config.ParameterCount(Net256)); // depthwise 3 x 3, and a batch norm
        Assert.Equal(config.ToJson().ToJsonString(), FeedbackConfig.FromJson(config.ToJson()).ToJson().ToJsonString());
    }

    // Where the channels agree the released code's stack may begin with anything; a C after the start is depthwise there too.
    [Fact]
    public void Layers_may_begin_without_a_convolution_where_blocks_have_equal_channels()
    {
        var config = FeedbackConfig.Of(new FeedbackStrategy.Windowed(), Net256) with { Layers = FeedbackConfig.ParseLayers("B_R_C") };

        Assert.Equal(5 * 1024 * (2 + 9), config.ParameterCount(Net256));
    }

    [Theory]
    [InlineData("C2_B_R", "C_B_R")]
    [InlineData("Res", "R")]
    [InlineData("C_B_Res", "C_B_R")]
    [InlineData("CBR", "C_B_R")]
    public void Words_are_read_as_the_released_code_reads_them_and_refused_for_training(string text, string made)
    {
        Assert.Equal(FeedbackConfig.ParseLayers(made), FeedbackConfig.ParseLayers(text));
        Assert.Equal(made, FeedbackConfig.Letters(FeedbackConfig.ParsePlainLayers(made)));
        Assert.Contains($"makes {made} of it", Assert.Throws<ArgumentException>(() => FeedbackConfig.ParsePlainLayers(text)).Message);
    }

    // feedback_b_list of the released code, with what its loop over encoder blocks makes of it.
    [Theory]
    [InlineData(new[] { 21, 24, 27 }, "21-17 24-14 27-11", new[] { 0, 1, 2 })]
    [InlineData(new[] { 24, 21 }, "21-14 24-17", new[] { 1, 0 })]
    [InlineData(new[] { 10, 19, 21, 24 }, "21-17 24-14", new[] { 2, 3 })]
    [InlineData(new[] { 24, 24 }, "24-14", new[] { 1 })]
    public void A_list_of_the_released_code_joins_what_it_joined_there(int[] list, string pairs, int[] order)
    {
        var read = ReleasedHead.Pairs(list, Net256.InputBlocks.Count);

        Assert.Equal(pairs, string.Join(' ', read.Pairs));
        Assert.Equal(order, read.Order);
    }
}
