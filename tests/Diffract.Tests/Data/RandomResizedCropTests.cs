using Diffract.Data;

namespace Diffract.Tests.Data;

public class RandomResizedCropTests
{
    // By hand after torchvision's get_params, for 100 x 60 pixels: area 6000.
    [Theory]
    [InlineData(0.0, 0.5, 0.0, 0.0, 0, 0, 22, 22)]           // 0.08 * 6000 = 480, ratio 1: sqrt 480 = 21.9
    [InlineData(0.0, 0.0, 0.999, 0.5, 41, 35, 19, 25)]       // ratio 3/4: sqrt 360 = 18.97, sqrt 640 = 25.3; row 0.999 (60 - 25 + 1) = 35.96, column (100 - 19 + 1) / 2 = 41
    [InlineData(0.5, 0.5, 0.5, 0.25, 11, 2, 57, 57)]         // (0.08 + 0.46) 6000 = 3240: 56.9; row 4 / 2, column 44 / 4
    public void The_rectangle_is_torchvisions(double area, double ratio, double row, double column, int x, int y, int width, int height)
    {
        var numbers = new Queue<double>([area, ratio, row, column]);

        Assert.Equal(new PixelRegion(x, y, width, height), RandomResizedCrop.Region(100, 60, numbers.Dequeue));
    }

    // Whole area at a ratio that does not fit, ten times over: the middle, with the nearest allowed proportions.
    [Theory]
    [InlineData(300, 100, 83, 0, 133, 100)]                   // 3 to 1 is wider than 4/3: 133 x 100, (300 - 133) / 2 = 83
    [InlineData(100, 300, 0, 83, 100, 133)]
    [InlineData(110, 100, 0, 0, 110, 100)]
    public void Where_no_try_fits_it_is_the_middle(int width, int height, int x, int y, int wide, int high)
    {
        var calls = 0;
        var region = RandomResizedCrop.Region(width, height, () => ++calls % 2 == 1 ? 0.99999 : width > height ? 0 : 0.99999);

        Assert.Equal(new PixelRegion(x, y, wide, high), region);
        Assert.Equal(20, calls);
    }

    [Fact]
    public void Pixels_outside_of_the_rectangle_have_no_influence()
    {
        var picture = ResampleTests.Noise(90, 70);
        for (ulong seed = 0; seed < 20; seed++)
        {
            var random = new Diffract.Data.BuiltIn.CounterRandom(seed);
            var region = RandomResizedCrop.Region(90, 70, () => (random.Next() >> 11) / 9007199254740992.0);
            var cut = new Picture(region.Width, region.Height, [.. Enumerable.Range(0, region.Height).SelectMany(y => picture.Rgb.AsSpan(3 * ((region.Y + y) * 90 + region.X), 3 * region.Width).ToArray())]);

            Assert.Equal(Resample.Resize(cut, 32, 24, ResampleFilter.Bicubic).Rgb, RandomResizedCrop.Apply(picture, 24, 32, seed).Rgb);
            Assert.InRange((double)region.Width * region.Height / (90 * 70), 0.07, 1);
        }
    }
}
