using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class TrainingOrderTests
{
    static (int Row, long Epoch)[] Rows(TrainingOrder order, TinyNet tiny, long first = 0)
    {
        using var source = new LiveSource(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(100, 20)), TinyNet.Request, new());
        return [.. order.LooksFrom(first, source).Select(look => (look.Row, (long)look.Draw))];
    }

    [Theory]
    [InlineData(50, 16, 1, new[] { 16, 16, 16, 2 })]
    [InlineData(49, 16, 1, new[] { 16, 16, 17 })]             // 1 would be left: it joins the batch before
    [InlineData(50, 16, 2, new[] { 8, 8, 8, 8, 9, 9 })]       // 2 cannot be accumulated in 2 parts of 2
    [InlineData(52, 16, 2, new[] { 8, 8, 8, 8, 8, 8, 2, 2 })]
    [InlineData(1, 16, 1, new[] { 1 })]
    public void Batches_and_their_parts_cover_each_epoch_once(int count, int batch, int parts, int[] sizes)
    {
        using var tiny = new TinyNet();
        int[] rows = [.. Enumerable.Range(10, count)];
        var order = new TrainingOrder(rows, epochs: 3, batch, parts, seed: 4);

        Assert.Equal([.. sizes, .. sizes, .. sizes], order.PartSizesFrom(0));
        var all = Rows(order, tiny);
        Assert.Equal(3 * count, all.Length);
        foreach (var epoch in Enumerable.Range(0, 3))
        {
            Assert.Equal(rows, all.Skip(epoch * count).Take(count).Select(look => look.Row).Order());
            Assert.All(all.Skip(epoch * count).Take(count), look => Assert.Equal(epoch, look.Epoch));
        }
    }

    [Fact]
    public void A_later_beginning_is_the_rest_of_the_same_order()
    {
        using var tiny = new TinyNet();
        var order = new TrainingOrder([.. Enumerable.Range(0, 50)], epochs: 4, batchSize: 16, parts: 1, seed: 4);
        var all = Rows(order, tiny);
        for (long step = 0; step <= order.Steps; step++)
        {
            var before = Enumerable.Range(0, (int)step).Sum(earlier => order.Size(earlier));

            Assert.Equal(all[before..], Rows(order, tiny, step));
            Assert.Equal(all.Length - before, order.PartSizesFrom(step).Sum());
        }
        Assert.NotEqual(all[..50].Select(look => look.Row), all[50..100].Select(look => look.Row));
    }
}
