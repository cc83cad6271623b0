using Diffract.Reports;

namespace Diffract.Tests.Reports;

public sealed class RooflineTests
{
    [Fact]
    public void A_roofline_shows_every_piece_of_work_below_its_ceilings()
    {
        var svg = new Roofline
        {
            Title = "A pass", Bandwidth = 20e9, Ceilings = [new("products", 400e9), new("by Winograd", 1600e9)], Points = [new("1", 25, 7e9), new("2", 500, 1.2e12)],
        }.Draw().Text;

        Assert.Contains("products: 400", svg);
        Assert.Contains("by Winograd: 1,600", svg);
        Assert.Contains("1: 7 GFLOP/s, 25 operations a byte", svg);
        Assert.Contains("2: 1200 GFLOP/s, 500 operations a byte", svg);
        Assert.DoesNotContain("NaN", svg);
    }
}
