using Diffract.Heads;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Heads;

/// <summary>The papers' parameter counts. "M" is 2^20 for MLPs and CNNs and 10^6 for attention heads; outputs are 1,000 although the accuracies beside them are of 50 classes.</summary>
public class ParameterCountTests
{
    const double Binary = 1 << 20, Decimal = 1e6;

    static readonly UNetLayout Published = new(new UNetConfig());

    static HeadConfig Head(string name, string recipe, int classes, int[] ts, params int[] blocks)
    {
        FeatureSpec[] maps = [.. blocks.Select(b => FeatureSpec.Of(Published, b, 256, 256))];
        return new NamedHead(HeadName.Parse(name), recipe).Config(ts.Length, maps, poolAtHand: 2) with { Ts = ts, Blocks = maps, Classes = classes };
    }

    // 2307.08702, Tables 7, 8 and 9; the same as Tables 11, 12 and 13 of 2311.17921.
    [Theory]
    [InlineData("linear-1k", 1_025_000, Binary, "1M")]
    [InlineData("linear-4k", 4_097_000, Binary, "4M")]
    [InlineData("linear-16k", 16_385_000, Binary, "16M")]
    [InlineData("mlp-1k-2k", 4_148_200, Binary, "4M")]
    [InlineData("mlp-4k-2k", 10_439_656, Binary, "10M")]
    [InlineData("mlp-4k-2k-2k", 14_636_008, Binary, "14M")]
    [InlineData("mlp-16k-2k", 35_605_480, Binary, "34M")]
    [InlineData("cnn-1k-512-256", 3_647_208, Binary, "3.5M")]
    [InlineData("cnn-1k-1k-256", 6_269_160, Binary, "6M")]
    [InlineData("cnn-1k-1k-1k", 12_487_656, Binary, "12M")]
    [InlineData("cnn-1k-2k-512", 14_634_472, Binary, "14M")]
    [InlineData("cnn-1k-2k-2k", 33_362_920, Binary, "32M")]
    [InlineData("cnn-1k-4k-2.5k", 68_967_912, Binary, "66M")]
    [InlineData("attention-1k-2", 26_212_328, Decimal, "26.2M")]
    [InlineData("attention-1k-3", 38_805_480, Decimal, "38.8M")]
    [InlineData("attention-1k-4", 51_398_632, Decimal, "51.4M")]
    [InlineData("attention-1k-5", 63_991_784, Decimal, "64.0M")]
    public void ParameterCount_is_as_the_tables_have_it(string name, long count, double million, string published)
    {
        Assert.Equal(count, Head(name, "2307.08702", 1000, [90], 24).ParameterCount());
        Assert.Equal(published, Rounded(count / million, published));
    }

    // What the rows come out as that do not fit: Linear-65k is 65.5 x 10^6 cut off (62.5 x 2^20); for the rest no reading was found.
    [Theory]
    [InlineData("linear-65k", 65_537_000, Binary, "65M", "63M")]
    [InlineData("cnn-1k-256-256", 2_336_232, Binary, "2.5M", "2.2M")]
    [InlineData("cnn-1k-4k-2k", 58_530_792, Binary, "48M", "56M")]
    [InlineData("attention-1k-1", 13_619_176, Decimal, "13.7M", "13.6M")]
    public void ParameterCount_where_the_tables_have_another(string name, long count, double million, string published, string ours)
    {
        Assert.Equal(count, Head(name, "2307.08702", 1000, [90], 24).ParameterCount());
        Assert.Equal(ours, Rounded(count / million, published));
        Assert.NotEqual(published, ours);
    }

    // 2311.17921, Tables 8 and 15 and the released code: M is 10^6, outputs are the data set's.
    [Theory]
    [InlineData("attention-1", 1000, new[] { 150 }, new[] { 24 }, 15_193_064, "15.2M")]
    [InlineData("attention-2", 1000, new[] { 150 }, new[] { 24 }, 27_786_216, "27.8M")]
    [InlineData("attention-4", 1000, new[] { 150 }, new[] { 24 }, 52_972_520, "53.0M")]
    [InlineData("attention-2", 50, new[] { 150 }, new[] { 24 }, 26_812_466, "26.8M")]
    [InlineData("difformer", 1000, new[] { 90, 150, 300 }, new[] { 19, 24, 30 }, 31_802_344, "31.8M")]
    [InlineData("difformer", 200, new[] { 90, 150, 300 }, new[] { 19, 24, 30 }, 29_343_944, "29.3M")] // published for 50 classes, which give 28.9M
    [InlineData("difformer", 50, new[] { 90, 150, 300 }, new[] { 19, 24, 30 }, 28_882_994, "28.9M")]
    public void ParameterCount_is_as_the_second_paper_has_it(string name, int classes, int[] ts, int[] blocks, long count, string published)
    {
        Assert.Equal(count, Head(name, "2311.17921", classes, ts, blocks).ParameterCount());
        Assert.Equal(published, Rounded(count / Decimal, published));
    }

    // With 50 outputs, which the accuracies are of, the tables' first rows would be 0.05 and 2.2 million.
    [Theory]
    [InlineData("linear-1k", 51_250)]
    [InlineData("mlp-1k-2k", 2_201_650)]
    public void ParameterCount_with_the_50_classes_of_the_accuracies_is_another(string name, long count) =>
        Assert.Equal(count, Head(name, "2307.08702", 50, [90], 24).ParameterCount());

    // To as many decimals as the published figure has.
    static string Rounded(double value, string published) => value.ToString(published.Contains('.') ? "F1" : "F0", System.Globalization.CultureInfo.InvariantCulture) + "M";
}
