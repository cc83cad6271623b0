namespace Diffract.Data;

/// <summary>From a picture of any size to the net's input, pixel for pixel as guided-diffusion's data loader does it with Pillow.</summary>
public static class Preprocess
{
    /// <summary>The smallest scale that covers (height, width), then the middle of it.</summary>
    /// <returns>(height, width, 3).</returns>
    public static Picture CenterCrop(Picture picture, int height, int width)
    {
        var plan = CoverPlan.For(picture.Width, picture.Height, width, height);
        return plan.Apply(picture, new PixelRegion((plan.Width - width) / 2, (plan.Height - height) / 2, width, height));
    }

    /// <summary>Smallest and largest value of <c>smallerSide</c> for random crops that keep at least <paramref name="leastFraction"/> of the side.</summary>
    public static (int Least, int Most) SmallerSides(int height, int width, double leastFraction = 0.8)
    {
        int side = Math.Min(height, width);
        return (side, (int)Math.Ceiling(side / leastFraction));
    }

    /// <summary>Resizes so that the picture covers (height, width) enlarged to <paramref name="smallerSide"/> and cuts at a given place.</summary>
    /// <param name="smallerSide">The smaller side of the enlarged target, see <see cref="SmallerSides"/>; the other side follows in proportion.</param>
    /// <param name="cropY">First row, 0 to resized height - height.</param> <param name="cropX">First column, likewise.</param>
    /// <exception cref="ArgumentOutOfRangeException">The crop leaves the resized picture.</exception>
    public static Picture RandomCrop(Picture picture, int height, int width, int smallerSide, int cropY, int cropX) =>
        EnlargedCover(picture, height, width, smallerSide).Apply(picture, new PixelRegion(cropX, cropY, width, height));

    /// <summary>The random crop that three draws choose: side, then row, then column, each uniform over what the earlier ones leave.</summary>
    public static Picture RandomCrop(Picture picture, int height, int width, CropDraws draws)
    {
        var (least, most) = SmallerSides(height, width);
        int side = least + Pick(draws.Side, most - least + 1);
        var plan = EnlargedCover(picture, height, width, side);
        return plan.Apply(picture, new PixelRegion(Pick(draws.X, plan.Width - width + 1), Pick(draws.Y, plan.Height - height + 1), width, height));
    }

    /// <summary>The mirror image, left and right exchanged.</summary>
    public static Picture FlipHorizontal(Picture picture)
    {
        var flipped = Picture.Unwritten(picture.Width, picture.Height);
        int row = 3 * picture.Width;
        for (int y = 0; y < picture.Height; y++)
        {
            var from = picture.Rgb.AsSpan(y * row, row);
            var to = flipped.Rgb.AsSpan(y * row, row);
            for (int x = 0; x < row; x += 3) { from.Slice(x, 3).CopyTo(to[(row - 3 - x)..]); }
        }
        return flipped;
    }

    /// <summary>x / 127.5 - 1 in float32, channels first.</summary>
    /// <param name="hwc">(H, W, 3), uint8.</param> <param name="chw">(3, H, W), range [-1, 1].</param>
    public static void Normalise(ReadOnlySpan<byte> hwc, Span<float> chw)
    {
        if (hwc.Length % 3 != 0 || chw.Length != hwc.Length)
        {
            throw new ArgumentException($"{hwc.Length} bytes of pixels do not fill {chw.Length} floats of three channels");
        }
        int area = hwc.Length / 3;
        Span<float> red = chw[..area], green = chw.Slice(area, area), blue = chw[(2 * area)..];
        var scale = Scale.AsSpan();
        for (int i = 0, at = 0; i < area; i++, at += 3)
        {
            red[i] = scale[hwc[at]];
            green[i] = scale[hwc[at + 1]];
            blue[i] = scale[hwc[at + 2]];
        }
    }

    static readonly float[] Scale = [.. Enumerable.Range(0, 256).Select(value => value / 127.5f - 1f)];

    static CoverPlan EnlargedCover(Picture picture, int height, int width, int smallerSide)
    {
        int side = Math.Min(height, width);
        ArgumentOutOfRangeException.ThrowIfLessThan(smallerSide, side);
        return CoverPlan.For(picture.Width, picture.Height, Grow(width), Grow(height));
        int Grow(int value) => value == side ? smallerSide : (int)Math.Ceiling((double)value * smallerSide / side);
    }

    static int Pick(double draw, int count) => Math.Clamp((int)(draw * count), 0, count - 1);
}

/// <summary>Three numbers in [0, 1) that fix one random crop.</summary>
public readonly record struct CropDraws(double Side, double Y, double X);
