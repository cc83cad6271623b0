using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Tests.Heads;

public class HeadNameTests
{
    static readonly FeatureSpec Wide = new(24, 1024, 16, 16), Narrow = new(9, 96, 8, 8), Small = new(8, 96, 4, 4);

    static HeadConfig Config(string name, string recipe = "2307.08702", int steps = 1, int? pool = null, params FeatureSpec[] maps) =>
        new NamedHead(HeadName.Parse(name), recipe) { Pool = pool }.Config(steps, maps.Length > 0 ? maps : [Wide], poolAtHand: 2);

    [Theory]
    [InlineData("linear", 2)]
    [InlineData("linear-1k", 1)]
    [InlineData("Linear-4k", 2)]
    [InlineData("linear-16k", 4)]
    [InlineData("linear-65k", 8)]
    [InlineData("linear-64k", 8)]
    [InlineData("linear-9216", 3)]
    public void A_linear_heads_figure_is_the_pooled_vectors_length(string name, int pool) => Assert.Equal(pool, Assert.IsType<LinearConfig>(Config(name)).Pool);

    [Fact]
    public void The_figure_counts_all_blocks_and_steps()
    {
        Assert.Equal(2, Assert.IsType<LinearConfig>(Config("linear-2304", steps: 3, maps: [Small, Narrow])).Pool);
        Assert.Equal(1, Assert.IsType<LinearConfig>(Config("linear-3k", steps: 3)).Pool);
    }

    [Fact]
    public void An_MLPs_further_figures_are_its_hidden_widths()
    {
        var config = Assert.IsType<LinearConfig>(Config("mlp-4k-2k-2.5k"));

        Assert.Equal((2, "mlp"), (config.Pool, config.Kind));
        Assert.Equal([2048, 2560], config.Hidden);
    }

    [Fact]
    public void A_CNNs_figures_are_channels_in_and_out_and_small_maps_are_padded()
    {
        var published = Assert.IsType<CnnConfig>(Config("CNN-1k-4k-2k"));
        var small = Assert.IsType<CnnConfig>(Config("cnn-96-64-32", maps: Small));

        Assert.Equal([4096, 2048], published.Widths);
        Assert.Equal((0, 1), (published.Padding, small.Padding));
        Assert.Equal([96, 96], Assert.IsType<CnnConfig>(Config("cnn", maps: Narrow)).Widths);
    }

    [Theory]
    [InlineData("attention-5", "2307.08702", 5, "Pooled { Kernel = 2, Stride =  }")]
    [InlineData("attention-1k-1", "2307.08702", 1, "Pooled { Kernel = 2, Stride =  }")]
    [InlineData("attention", "2311.17921", 2, "Projected { Size = 16, Norm = Joint }")]
    [InlineData("attention-4", "released-code", 4, "Projected { Size = 16, Norm = Joint }")]
    public void An_attention_heads_figure_is_its_blocks_and_the_recipe_says_its_tokens(string name, string recipe, int depth, string tokens)
    {
        var config = Assert.IsType<AttentionConfig>(Config(name, recipe));

        Assert.Equal((depth, tokens), (config.Depth, config.Tokens.ToString()));
    }

    [Theory]
    [InlineData("linear-16k", "the maps here (block 9 (96 channels) at 1 step) give 96 x pool x pool, nearest 16,224. Write linear-16224, or linear with --pool 13.")]
    [InlineData("mlp-1k-2k", "Write mlp-864-2k, or mlp with --pool 3")]
    [InlineData("cnn-1k-4k-2k", "reads maps of 1024 channels; here is block 9 (96 channels) at 1 step. Write cnn-96-4k-2k.")]
    [InlineData("attention-1k-5", "Write attention-96-5, or attention-5")]
    [InlineData("difformer-2", "joins several steps or blocks; here is only block 9 (96 channels) at 1 step")]
    [InlineData("mlp", "an MLP needs hidden widths")]
    public void What_does_not_fit_the_maps_is_refused_with_what_would(string name, string fault) =>
        Assert.Contains(fault, Assert.Throws<HeadConfigException>(() => Config(name, maps: Narrow)).Message);

    [Theory]
    [InlineData("linear-")]
    [InlineData("linear-1k-2k")]
    [InlineData("mlp-1k")]
    [InlineData("cnn-1k")]
    [InlineData("attention-1-2-3")]
    [InlineData("attention-0")]
    [InlineData("attention--5")]
    [InlineData("conv-1k-2k-2k")]
    [InlineData("linear-99999999999k")]
    [InlineData("")]
    public void What_names_no_head_is_refused(string name) => Assert.Contains($"head '{name}': expected linear, linear-16k", Assert.Throws<HeadConfigException>(() => HeadName.Parse(name)).Message);

    [Fact]
    public void A_pool_that_contradicts_the_name_is_refused()
    {
        Assert.Contains("is pool 4 on these maps, not 2", Assert.Throws<HeadConfigException>(() => Config("linear-16k", pool: 2)).Message);
        Assert.Equal(4, Assert.IsType<LinearConfig>(Config("linear-16k", pool: 4)).Pool);
    }

    [Theory]
    [InlineData("linear-16k")]
    [InlineData("mlp-4k-2k-2.5k")]
    [InlineData("cnn-1k-256-96")]
    [InlineData("linear-65k")]
    public void ToString_gives_the_name_again(string name) => Assert.Equal(name, HeadName.Parse(name).ToString());
}
