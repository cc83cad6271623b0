using Diffract.Metrics;

namespace Diffract.Tests.Metrics;

public sealed class PairedComparisonTests
{
    [Fact]
    public void Counts_are_of_both_one_and_neither()
    {
        var comparison = PairedComparison.Of([true, true, false, false, true], [true, false, true, false, false]);
        Assert.Equal(new PairedComparison(Both: 1, OnlyFirst: 2, OnlySecond: 1, Neither: 1), comparison);
        Assert.Equal(0.2, comparison.Difference, 1e-15);
    }

    // 2 (1 + 9 + 36) / 2^9 and 2 / 2^10; five against five, and five against four, are no evidence at all.
    [Theory]
    [InlineData(7, 2, 0.1796875), InlineData(2, 7, 0.1796875), InlineData(10, 0, 0.001953125), InlineData(5, 5, 1), InlineData(5, 4, 1), InlineData(0, 0, 1)]
    public void P_value_is_the_exact_binomial(long first, long second, double expected) =>
        Assert.Equal(expected, new PairedComparison(100, first, second, 3).PValue, 1e-12);

    // The normal approximation with continuity correction: z = (|b - c| - 1) / sqrt(b + c) = 3.5917 for 5,800 against 5,413.
    [Fact]
    public void P_value_of_many_pictures_is_near_the_normal_approximation() =>
        Assert.Equal(2.68e-4, new PairedComparison(0, 5800, 5413, 0).PValue, 1e-5);

    // n = 102, b = 20.5, c = 10.5: 10 / 102 -+ 1.959964 sqrt(31 - 100 / 102) / 102.
    [Fact]
    public void Interval_is_walds_with_half_a_picture_added_to_each_count()
    {
        var interval = new PairedComparison(60, 20, 10, 10).Interval;
        Assert.Equal(0.098039 - 0.105266, interval.Low, 5e-5);
        Assert.Equal(0.098039 + 0.105266, interval.High, 5e-5);
    }

    [Fact]
    public void Results_of_other_pictures_are_refused() => Assert.Throws<ArgumentException>(() => PairedComparison.Of([true], [true, false]));
}
