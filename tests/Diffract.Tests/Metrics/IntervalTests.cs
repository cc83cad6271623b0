using Diffract.Metrics;

namespace Diffract.Tests.Metrics;

public sealed class IntervalTests
{
    // By hand: p = 0.8, n = 10, z = 1.959964: (0.8 + 0.192073 -+ 1.959964 sqrt(0.016 + 0.0096036)) / 1.384146.
    [Fact]
    public void Wilson_follows_its_formula()
    {
        var interval = Interval.Wilson(8, 10);
        Assert.Equal(0.490162, interval.Low, 5e-6);
        Assert.Equal(0.943318, interval.High, 5e-6);
    }

    // Where none hit, the upper end is z^2 / (n + z^2).
    [Fact]
    public void Wilson_stays_within_0_and_1()
    {
        Assert.Equal(new Interval(0, 1), Interval.Wilson(0, 0));
        Assert.Equal(0, Interval.Wilson(0, 20).Low);
        Assert.Equal(3.841459 / 23.841459, Interval.Wilson(0, 20).High, 1e-7);
        Assert.Equal(1, Interval.Wilson(20, 20).High);
        Assert.Equal(20 / 23.841459, Interval.Wilson(20, 20).Low, 1e-7);
    }

    [Theory]
    [InlineData(0.03, 60), InlineData(0.5, 200), InlineData(0.9, 100)]
    public void Wilson_holds_the_truth_in_about_95_of_100_samples(double share, int trials)
    {
        var random = new Random(1);
        var held = Enumerable.Range(0, 20_000).Count(_ => Interval.Wilson(Enumerable.Range(0, trials).Count(_ => random.NextDouble() < share), trials).Holds(share));
        Assert.InRange(held / 20_000.0, 0.925, 0.98);
    }

    [Fact]
    public void Wilson_refuses_more_hits_than_trials() => Assert.Throws<ArgumentException>(() => Interval.Wilson(11, 10));
}
