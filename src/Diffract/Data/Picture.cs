namespace Diffract.Data;

/// <summary>A decoded picture: 8-bit red, green, blue, interleaved, rows from top to bottom.</summary>
public sealed class Picture
{
    /// <param name="rgb">Height x Width x 3 bytes; kept, not copied.</param>
    /// <exception cref="ArgumentException">A side is not positive, or <paramref name="rgb"/> has another length.</exception>
    public Picture(int width, int height, byte[] rgb)
    {
        if (width < 1 || height < 1 || rgb.LongLength != 3L * width * height)
        {
            throw new ArgumentException($"a {width}x{height} picture needs positive sides and {3L * width * height} bytes, not {rgb.LongLength}");
        }
        (Width, Height, Rgb) = (width, height, rgb);
    }

    /// <summary>A black picture.</summary>
    public Picture(int width, int height) : this(width, height, new byte[checked(3 * width * height)]) { }

    /// <summary>A picture whose pixels are yet to be written.</summary>
    internal static Picture Unwritten(int width, int height) => new(width, height, GC.AllocateUninitializedArray<byte>(checked(3 * width * height)));

    public int Width { get; }

    public int Height { get; }

    /// <summary>(Height, Width, 3), uint8, contiguous.</summary>
    public byte[] Rgb { get; }
}
