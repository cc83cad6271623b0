using Diffract.Data;

namespace Diffract.Tests.Data;

public class ResampleTests
{
    static readonly GoldenPictures Golden = new("resample", "resample.safetensors");

    public static TheoryData<string> Cases => [.. Golden.Names];

    [Theory, MemberData(nameof(Cases))]
    public void Resample_gives_Pillows_pixels_for_odd_sizes(string name)
    {
        string[] parts = name.Split('/');
        int[] from = Numbers(parts[1]), to = Numbers(parts[2]);
        var source = Noise(from[0], from[1]);
        var picture = parts[0] == "center"
            ? Preprocess.CenterCrop(source, to[0], to[0])
            : Resample.Resize(source, to[0], to[1], parts[0] == "box" ? ResampleFilter.Box : ResampleFilter.Bicubic);
        Assert.Equal(Golden.Size(name), (picture.Width, picture.Height));
        Assert.Equal(Golden[name], picture.Rgb);
    }

    [Theory]
    [InlineData(31, 47, 3, 5, 20, 30)]
    [InlineData(90, 20, 89, 19, 1, 1)]
    [InlineData(60, 41, 7, 3, 11, 20)]
    [InlineData(31, 41, 7, 3, 11, 20)]
    [InlineData(60, 47, 7, 3, 11, 20)]
    public void Region_of_a_resize_equals_the_crop_of_the_whole(int width, int height, int x, int y, int w, int h)
    {
        var source = Noise(60, 41);
        var whole = Resample.Resize(source, width, height, ResampleFilter.Bicubic);
        var region = Resample.ResizeRegion(source, width, height, ResampleFilter.Bicubic, new PixelRegion(x, y, w, h));
        for (int row = 0; row < h; row++)
        {
            Assert.Equal(whole.Rgb.AsSpan(3 * ((y + row) * width + x), 3 * w), region.Rgb.AsSpan(3 * row * w, 3 * w));
        }
    }

    [Theory, InlineData(2, 2), InlineData(6, 2), InlineData(22, 4), InlineData(64, 32), InlineData(150, 6)]
    public void Halving_rounds_columns_then_rows(int width, int height)
    {
        var source = Noise(width, height);
        var half = Resample.Resize(source, width / 2, height / 2, ResampleFilter.Box);
        for (int i = 0; i < half.Rgb.Length; i++)
        {
            int c = i % 3, x = i / 3 % half.Width, y = i / 3 / half.Width;
            int Pair(int row) => (source.Rgb[3 * (row * width + 2 * x) + c] + source.Rgb[3 * (row * width + 2 * x + 1) + c] + 1) / 2;
            Assert.Equal((Pair(2 * y) + Pair(2 * y + 1) + 1) / 2, half.Rgb[i]);
        }
    }

    [Fact]
    public void Same_size_is_a_copy()
    {
        var source = Noise(13, 7);
        var copy = Resample.Resize(source, 13, 7, ResampleFilter.Bicubic);
        Assert.Equal(source.Rgb, copy.Rgb);
        Assert.NotSame(source.Rgb, copy.Rgb);
    }

    [Fact]
    public void Region_outside_the_picture_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => Resample.ResizeRegion(Noise(4, 4), 8, 8, ResampleFilter.Box, new PixelRegion(5, 0, 4, 8)));

    [Fact]
    public void Huge_ratio_takes_memory_for_the_crop_only()
    {
        var ribbon = new Picture(40_000, 1);                                           // covering 256x256 makes it 10,240,000 x 256
        long before = GC.GetAllocatedBytesForCurrentThread();
        var crop = Preprocess.CenterCrop(ribbon, 256, 256);
        Assert.Equal((256, 256), (crop.Width, crop.Height));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    // As tests/golden/resample/make.py has it.
    internal static Picture Noise(int width, int height)
    {
        uint state = (uint)(1000 * width + height);
        var rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.Length; i++)
        {
            state = state * 1664525 + 1013904223;
            rgb[i] = (byte)(state >> 24);
        }
        return new Picture(width, height, rgb);
    }

    static int[] Numbers(string text) => [.. text.Split('x').Select(int.Parse)];
}
