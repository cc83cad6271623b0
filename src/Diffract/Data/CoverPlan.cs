namespace Diffract.Data;

/// <summary>
/// How a picture is brought to the smallest size that covers (Height, Width) with its proportions kept: BOX halvings while both sides are at
/// least twice the target, then one BICUBIC step.
/// </summary>
/// <param name="Halvings">(width, height) after each halving; sides are halved rounding down.</param>
/// <param name="Width">Width after the bicubic step, at least the target's.</param> <param name="Height">Height after it.</param>
/// <remarks>For square targets the steps of guided-diffusion's <c>center_crop_arr</c>: sides round half to even.</remarks>
public sealed record CoverPlan(IReadOnlyList<(int Width, int Height)> Halvings, int Width, int Height)
{
    /// <exception cref="PictureException">The enlarged side is beyond 2^31 pixels.</exception>
    public static CoverPlan For(int width, int height, int targetWidth, int targetHeight)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(targetWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(targetHeight);
        var halvings = new List<(int, int)>();
        while (width >= 2L * targetWidth && height >= 2L * targetHeight) { halvings.Add((width /= 2, height /= 2)); }
        double scale = Math.Max((double)targetWidth / width, (double)targetHeight / height);
        double fullWidth = Math.Round(width * scale, MidpointRounding.ToEven), fullHeight = Math.Round(height * scale, MidpointRounding.ToEven);
        if (Math.Max(fullWidth, fullHeight) > int.MaxValue)
        {
            throw new PictureException($"a {width}x{height} picture cannot be enlarged to cover {targetWidth}x{targetHeight}: it would be {fullWidth}x{fullHeight}");
        }
        return new CoverPlan(halvings, (int)fullWidth, (int)fullHeight);
    }

    /// <summary>Carries the plan out and cuts <paramref name="region"/> from the result.</summary>
    internal Picture Apply(Picture picture, PixelRegion region)
    {
        foreach (var (width, height) in Halvings) { picture = Resample.Resize(picture, width, height, ResampleFilter.Box); }
        return Resample.ResizeRegion(picture, Width, Height, ResampleFilter.Bicubic, region);
    }
}
