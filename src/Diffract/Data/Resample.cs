using System.Buffers;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffract.Data;

/// <summary>The kernels pictures are resized with.</summary>
public enum ResampleFilter
{
    /// <summary>Average over the pixel's footprint.</summary>
    Box,

    /// <summary>Keys' cubic convolution with a = -0.5, widened by the scale when a picture shrinks.</summary>
    Bicubic,
}

/// <summary>A rectangle of pixels: left column, top row, width, height.</summary>
public readonly record struct PixelRegion(int X, int Y, int Width, int Height);

/// <summary>
/// Resizing of 8-bit pictures, pixel for pixel as Pillow's <c>Image.resize</c> does it: fixed-point weights of 22 fractional bits, the
/// horizontal pass first, rounded to 8 bits before the vertical one; a pass that changes nothing is left out.
/// </summary>
public static unsafe class Resample
{
    const int Half = 1 << (ResampleTaps.FractionBits - 1);

    /// <summary>The picture at another size.</summary>
    public static Picture Resize(Picture source, int width, int height, ResampleFilter filter) =>
        ResizeRegion(source, width, height, filter, new PixelRegion(0, 0, width, height));

    /// <summary>
    /// What <see cref="Resize"/> to <paramref name="width"/> x <paramref name="height"/> followed by a crop to <paramref name="region"/> gives;
    /// only pixels that the region needs are computed, so memory follows the region and the source, not the size in between.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or the region leaves the resized picture.</exception>
    public static Picture ResizeRegion(Picture source, int width, int height, ResampleFilter filter, PixelRegion region)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (region.X < 0 || region.Y < 0 || region.Width < 1 || region.Height < 1
            || region.X > width - region.Width || region.Y > height - region.Height)
        {
            throw new ArgumentOutOfRangeException(nameof(region), region, $"does not lie within {width}x{height}");
        }

        if (filter == ResampleFilter.Box && source.Width == 2L * width && source.Height == 2L * height && region.Width == width && region.Height == height)
        {
            return BoxHalving.Of(source);
        }
        var columns = width == source.Width ? null : ResampleTaps.Compute(source.Width, width, filter, region.X, region.Width);
        var rows = height == source.Height ? null : ResampleTaps.Compute(source.Height, height, filter, region.Y, region.Height);
        var target = Picture.Unwritten(region.Width, region.Height);
        int firstRow = rows?.First[0] ?? region.Y;
        int rowCount = rows is null ? region.Height : rows.First[^1] + rows.Count[^1] - firstRow;

        fixed (byte* from = source.Rgb, to = target.Rgb)
        {
            byte* start = from + 3L * firstRow * source.Width;
            if (rows is null)
            {
                Columns(start, source.Width, rowCount, columns, region, to);
                return target;
            }
            var narrow = ArrayPool<byte>.Shared.Rent(checked(3 * region.Width * rowCount));
            fixed (byte* middle = narrow)
            {
                Columns(start, source.Width, rowCount, columns, region, middle);
                Vertical(middle, 3 * region.Width, firstRow, rows, to);
            }
            ArrayPool<byte>.Shared.Return(narrow);
        }
        return target;
    }

    static void Columns(byte* from, int sourceWidth, int rowCount, ResampleTaps? columns, PixelRegion region, byte* to)
    {
        if (columns is null) { CopyColumns(from, sourceWidth, region, rowCount, to); }
        else { Horizontal(from, sourceWidth, rowCount, columns, to); }
    }

    static void CopyColumns(byte* from, int sourceWidth, PixelRegion region, int rowCount, byte* to)
    {
        long bytes = 3L * region.Width;
        for (int y = 0; y < rowCount; y++)
        {
            Buffer.MemoryCopy(from + 3L * ((long)y * sourceWidth + region.X), to + y * bytes, bytes, bytes);
        }
    }

    // Two rows at a time: both are spread to 32-bit lanes (r g b . r' g' b' .), so that one multiplication serves six values.
    static void Horizontal(byte* from, int sourceWidth, int rowCount, ResampleTaps taps, byte* to)
    {
        int outputs = taps.First.Length;
        int firstPixel = taps.First[0];
        int pixels = taps.First[^1] + taps.Count[^1] - firstPixel;
        var lanes = ArrayPool<int>.Shared.Rent(checked(8 * pixels));
        try
        {
            fixed (int* spread = lanes, weights = taps.Weights)
            {
                for (int y = 0; y < rowCount; y += 2)
                {
                    int next = y + 1 < rowCount ? 1 : 0;
                    byte* upper = from + 3L * ((long)y * sourceWidth + firstPixel);
                    Spread(upper, upper + next * 3L * sourceWidth, pixels, spread);
                    byte* upperTo = to + 3L * y * outputs;
                    byte* lowerTo = upperTo + next * 3L * outputs;
                    for (int x = 0; x < outputs; x++)
                    {
                        int* weight = weights + (long)x * taps.Stride;
                        int* lane = spread + 8L * (taps.First[x] - firstPixel);
                        var sum = Vector256.Create(Half);
                        for (int k = 0; k < taps.Count[x]; k++, lane += 8) { sum += Vector256.Load(lane) * Vector256.Create(weight[k]); }
                        ulong rgb = Pack8(sum);
                        byte* lower = lowerTo + 3L * x;
                        (lower[0], lower[1], lower[2]) = ((byte)(rgb >> 32), (byte)(rgb >> 40), (byte)(rgb >> 48));
                        byte* up = upperTo + 3L * x;
                        (up[0], up[1], up[2]) = ((byte)rgb, (byte)(rgb >> 8), (byte)(rgb >> 16));
                    }
                }
            }
        }
        finally { ArrayPool<int>.Shared.Return(lanes); }
    }

    static void Spread(byte* upper, byte* lower, int pixels, int* lanes)
    {
        for (int x = 0; x < pixels - 1; x++, upper += 3, lower += 3, lanes += 8)
        {
            ulong both = *(uint*)upper | ((ulong)*(uint*)lower << 32);                 // the fourth byte belongs to the next pixel; its lane is not used
            Widen(Vector128.CreateScalar(both).AsByte()).Store(lanes);
        }
        for (int c = 0; c < 3; c++) { (lanes[c], lanes[4 + c]) = (upper[c], lower[c]); }
    }

    static void Vertical(byte* from, int rowBytes, int firstRow, ResampleTaps taps, byte* to)
    {
        fixed (int* weights = taps.Weights)
        {
            for (int y = 0; y < taps.First.Length; y++, to += rowBytes)
            {
                int* weight = weights + (long)y * taps.Stride;
                byte* column = from + (long)(taps.First[y] - firstRow) * rowBytes;
                int count = taps.Count[y], x = 0;
                for (; x <= rowBytes - 16; x += 16)
                {
                    Vector256<int> left = Vector256.Create(Half), right = left;
                    byte* at = column + x;
                    for (int k = 0; k < count; k++, at += rowBytes)
                    {
                        var factor = Vector256.Create(weight[k]);
                        var bytes = Vector128.Load(at);
                        left += Widen(bytes) * factor;
                        right += Widen(Vector128.Shuffle(bytes.AsUInt64(), Vector128.Create(1ul, 1ul)).AsByte()) * factor;
                    }
                    Vector128.Create(Pack8(left), Pack8(right)).AsByte().Store(to + x);
                }
                for (; x < rowBytes; x++)
                {
                    int sum = Half;
                    byte* at = column + x;
                    for (int k = 0; k < count; k++, at += rowBytes) { sum += *at * weight[k]; }
                    to[x] = (byte)Math.Clamp(sum >> ResampleTaps.FractionBits, 0, 255);
                }
            }
        }
    }

    /// <summary>The lower eight bytes as 32-bit integers.</summary>
    static Vector256<int> Widen(Vector128<byte> bytes)
    {
        if (Avx2.IsSupported) { return Avx2.ConvertToVector256Int32(bytes); }
        var words = Vector128.WidenLower(bytes);
        return Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32();
    }

    /// <summary>Eight sums back to bytes, shifted and clamped, in their order.</summary>
    static ulong Pack8(Vector256<int> sums)
    {
        var values = Vector256.Min(Vector256.Max(Vector256.ShiftRightArithmetic(sums, ResampleTaps.FractionBits), Vector256<int>.Zero), Vector256.Create(255));
        var words = Vector128.Narrow(values.GetLower(), values.GetUpper()).AsUInt16();
        return Vector128.Narrow(words, words).AsUInt64().ToScalar();
    }
}
