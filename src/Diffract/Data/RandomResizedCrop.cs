namespace Diffract.Data;

/// <summary>A rectangle of random area and proportions, brought to the net's size: the usual augmentation of supervised training.</summary>
/// <remarks>
/// The rectangle is chosen as torchvision's RandomResizedCrop chooses it (scale 0.08 to 1, ratio 3/4 to 4/3, ten tries, then the middle); it is cut
/// out first and then resized with Pillow's BICUBIC, so that no pixel outside of it has any influence.
/// </remarks>
public static class RandomResizedCrop
{
    const double LeastArea = 0.08, LeastRatio = 3.0 / 4, MostRatio = 4.0 / 3;
    const int Tries = 10;

    /// <param name="seed">Everything random follows from it.</param>
    /// <returns>(height, width, 3).</returns>
    public static Picture Apply(Picture picture, int height, int width, ulong seed)
    {
        var region = Region(picture.Width, picture.Height, Uniform(seed));
        var cut = Resample.ResizeRegion(picture, picture.Width, picture.Height, ResampleFilter.Bicubic, region);
        return Resample.Resize(cut, width, height, ResampleFilter.Bicubic);
    }

    /// <summary>The rectangle for a picture of width x height.</summary>
    /// <param name="uniform">Numbers in [0, 1): for each try area and ratio, and for the one that fits row and column.</param>
    public static PixelRegion Region(int width, int height, Func<double> uniform)
    {
        var area = (double)width * height;
        for (var attempt = 0; attempt < Tries; attempt++)
        {
            var target = area * (LeastArea + (1 - LeastArea) * uniform());
            var ratio = Math.Exp(Math.Log(LeastRatio) + (Math.Log(MostRatio) - Math.Log(LeastRatio)) * uniform());
            var (w, h) = (Rounded(Math.Sqrt(target * ratio)), Rounded(Math.Sqrt(target / ratio)));
            if (w > 0 && w <= width && h > 0 && h <= height)
            {
                var y = (int)(uniform() * (height - h + 1));
                return new((int)(uniform() * (width - w + 1)), y, w, h);
            }
        }
        var (middleWidth, middleHeight) = ((double)width / height) switch
        {
            < LeastRatio => (width, Rounded(width / LeastRatio)),
            > MostRatio => (Rounded(height * MostRatio), height),
            _ => (width, height),
        };
        return new((width - middleWidth) / 2, (height - middleHeight) / 2, middleWidth, middleHeight);
    }

    static int Rounded(double value) => (int)Math.Round(value, MidpointRounding.ToEven);

    static Func<double> Uniform(ulong seed)
    {
        var random = new BuiltIn.CounterRandom(seed);
        return () => (random.Next() >> 11) / 9007199254740992.0;                           // 53 bits
    }
}
