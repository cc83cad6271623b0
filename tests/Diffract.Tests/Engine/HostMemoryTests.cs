using Diffract.Torch;

namespace Diffract.Tests.Engine;

public sealed class HostMemoryTests
{
    const long Large = 3 << 20;                                                            // float32 values: 12 MB, a size that is kept

    [Fact]
    public void A_large_block_serves_the_next_tensor_of_its_size()
    {
        using var off = GradMode.Off();
        var first = Aten.Empty([Large]);
        var at = first.Data;
        first.Dispose();

        using var second = Aten.Empty([Large]);
        using var third = Aten.Empty([Large]);

        Assert.Equal(at, second.Data);
        Assert.NotEqual(at, third.Data);
        Assert.Equal(0, at % 64);
    }

    [Fact]
    public void What_a_view_still_needs_is_not_given_away()
    {
        using var off = GradMode.Off();
        var whole = Aten.Full([Large], 7.0);
        using var part = whole.Narrow(0, Large - 4, 4);
        whole.Dispose();

        using var other = Aten.Zeros([Large]);

        Assert.Equal([7, 7, 7, 7], part.ToArray<float>());
    }

    [Theory]
    [InlineData(1L << 50)]                                                                 // 4 PB: more than any machine maps
    [InlineData(1L << 61)]                                                                 // bytes do not fit 63 bits
    public void Memory_that_is_not_there_is_one_error_and_nothing_breaks(long values)
    {
        Assert.Throws<TorchException>(() => Aten.Empty([values]));
        Assert.Throws<TorchException>(() => Aten.Empty([values]));

        using var scope = new TensorScope();
        Assert.Equal(2.0 * Large, Aten.Full([Large], 2.0).Sum().Item());
    }

    [Fact]
    public void Threads_may_take_and_give_at_once()
    {
        Parallel.For(0, 64, i =>
        {
            using var scope = new TensorScope();
            using var off = GradMode.Off();
            var mine = Aten.Full([Large / 8 + i % 3], (double)i);
            var again = mine + 0.0;
            Assert.Equal((double)i, again.ToArray<float>().Average());
        });
    }
}
