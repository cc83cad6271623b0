using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class HeadInputsTests
{
    // Maps of 8 x 12: pooled to 8 they are 8 x 8, neither whole nor windows that join evenly.
    [Theory]
    [InlineData("linear", 8, null)]
    [InlineData("linear", 4, 4)]
    [InlineData("linear", 12, 12)]
    [InlineData("cnn", 8, null)]
    [InlineData("cnn", 12, 12)]
    [InlineData("attention", 8, null)]
    [InlineData("attention", 10, 10)]
    public void A_pool_serves_maps_that_are_not_square_only_where_it_loses_nothing(string kind, int pool, int? chosen)
    {
        HeadConfig head = kind switch
        {
            "linear" => new LinearConfig { Pool = 1 },
            "cnn" => new CnnConfig { Widths = [4], Padding = 1 },
            _ => new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(10, TokenNorm.Channels) },
        };
        HeadInputs Choose() => HeadInputs.Choose(head, [50], [4], classes: 10, [pool], _ => [32, Math.Min(pool, 8), Math.Min(pool, 12)], _ => (8, 12));

        if (chosen is null)
        {
            Assert.Contains("at hand are pools 8", Assert.Throws<FeatureStoreException>(Choose).Message);
            return;
        }
        Assert.Equal(chosen, Choose().Pools.Single());
    }
}
