using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

public sealed class StorePlanTests
{
    static readonly UNetLayout Net = new(new UNetConfig { ImageSize = 32, ModelChannels = 32, ChannelMult = [1, 2, 4] });

    static readonly string Tokens = """{"kind": "attention", "dim": 32, "heads": 1, "depth": 1, "tokens": {"kind": "projected", "size": SIDE, "norm": "channels"}}""";

    [Fact]
    public void Whole_maps_of_one_step_do_not_make_those_of_all_steps_be_kept()
    {
        var plan = Plan(("pooled", 2, "[10, 30, 90]", "[9, 10, 14]"), ("whole", 8, "[30]", "[10]"));

        Assert.Equal(["t 10,30,90 b 9,10,14 p 2", "t 30 b 10 p 8"], plan.Stores.Select(Text));
        Assert.Equal(plan.Stores, plan.Jobs.Select(job => plan.StoreOf(job, job.Row.Uses(Net).Single(), 0)));
    }

    [Fact]
    public void Pools_that_cost_little_more_share_the_passes()
    {
        var plan = Plan(("pooled", 2, "[10, 30, 90]", "[9, 10]"), ("finer", 4, "[10, 30, 90]", "[9, 10]"));

        Assert.Equal(["t 10,30,90 b 9,10 p 2,4"], plan.Stores.Select(Text));
    }

    [Fact]
    public void A_map_smaller_than_a_pool_is_found_where_it_is_kept_whole()
    {
        var plan = Plan(("both sizes", 16, "[30]", "[10, 14]"), ("small map", 16, "[30]", "[10]"));                       // 8x8 and 16x16 maps

        Assert.Equal(["t 30 b 10,14 p 16"], plan.Stores.Select(Text));
        Assert.All(plan.Jobs, job => Assert.Same(plan.Stores[0], plan.StoreOf(job, job.Row.Uses(Net).Single(), 0)));
    }

    static RecipePlan Plan(params (string Name, int Side, string T, string Blocks)[] rows)
    {
        var json = string.Join(", ", rows.Select(row => $$$"""{"name": "{{{row.Name}}}", "head": {{{Tokens.Replace("SIDE", $"{row.Side}")}}}, "features": {"t": {{{row.T}}}, "blocks": {{{row.Blocks}}}}}"""));
        var recipe = RecipeReader.Parse($$"""{"about": "stores", "model": "net.safetensors", "data": [{"name": "toys"}], "rows": [{{json}}]}""", "stores", "stores.json");
        return RecipePlan.Make(recipe, Net, new Dictionary<string, RecipePictures> { ["toys"] = new(10, 100, 50) });
    }

    static string Text(StorePlan store) => $"t {string.Join(',', store.Request.T)} b {string.Join(',', store.Request.Blocks)} p {string.Join(',', store.Request.Pools)}";
}
