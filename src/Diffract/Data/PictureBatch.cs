namespace Diffract.Data;

/// <summary>How a picture is looked at: the middle, or a random crop; mirrored or not.</summary>
/// <param name="Crop">A crop of the enlarged picture; null: the centre crop.</param> <param name="ResizedCrop">The seed of a <see cref="RandomResizedCrop"/>, in place of the others.</param>
public readonly record struct PictureView(bool Flip = false, CropDraws? Crop = null, ulong? ResizedCrop = null);

/// <summary>One picture to be loaded.</summary>
/// <param name="Item">Index into the set's items.</param>
public readonly record struct LoadRequest(int Item, PictureView View = default);

/// <summary>A picture of a batch.</summary>
/// <param name="Request">Its place among the requests.</param> <param name="Hash">Of its file's bytes.</param>
public readonly record struct LoadedPicture(int Request, int Item, PictureView View, ContentHash Hash);

/// <summary>A picture that could not be loaded, and why.</summary>
public readonly record struct FailedPicture(int Request, int Item, PictureException Error);

/// <summary>Loaded pictures of one size, in the order of their requests. Valid until the next batch is asked for: the memory is used again.</summary>
public sealed class PictureBatch
{
    readonly byte[] _pixels;

    internal PictureBatch(int height, int width, byte[] pixels, IReadOnlyList<LoadedPicture> pictures, IReadOnlyList<FailedPicture> failures) =>
        (Height, Width, _pixels, Pictures, Failures) = (height, width, pixels, pictures, failures);

    public int Height { get; }

    public int Width { get; }

    /// <summary>The N pictures that could be loaded.</summary>
    public IReadOnlyList<LoadedPicture> Pictures { get; }

    /// <summary>Those of the same stretch of requests that could not.</summary>
    public IReadOnlyList<FailedPicture> Failures { get; }

    /// <summary>(N, Height, Width, 3), uint8, contiguous: N x 3 x H x W in channels-last order.</summary>
    public ReadOnlyMemory<byte> Pixels => _pixels.AsMemory(0, Pictures.Count * 3 * Height * Width);

    /// <summary>x / 127.5 - 1 in float32, channels first.</summary>
    /// <param name="destination">(N, 3, Height, Width).</param>
    public void Normalise(Span<float> destination)
    {
        int size = 3 * Height * Width;
        for (int n = 0; n < Pictures.Count; n++) { Preprocess.Normalise(Pixels.Span.Slice(n * size, size), destination.Slice(n * size, size)); }
    }
}
