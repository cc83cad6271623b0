using System.Runtime.Intrinsics;

namespace Diffract.Data;

/// <summary>The BOX resize of even sides to their halves, where the fixed-point weights are exactly one half: rounded-up averages, first of columns, then of rows.</summary>
static unsafe class BoxHalving
{
    // Four pixels in, two out: bytes of the even and of the odd pixels.
    static readonly Vector128<byte> Even = Vector128.Create((byte)0, 1, 2, 6, 7, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255);
    static readonly Vector128<byte> Odd = Vector128.Create((byte)3, 4, 5, 9, 10, 11, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255);

    public static Picture Of(Picture source)
    {
        var half = Picture.Unwritten(source.Width / 2, source.Height / 2);
        int row = 3 * source.Width, halfRow = 3 * half.Width;
        fixed (byte* from = source.Rgb, to = half.Rgb)
        {
            byte* end = from + source.Rgb.Length;
            for (int y = 0; y < half.Height; y++)
            {
                byte* upper = from + 2L * y * row, lower = upper + row, target = to + (long)y * halfRow, targetEnd = target + halfRow;
                for (; target + 8 <= targetEnd && lower + 16 <= end; upper += 12, lower += 12, target += 6)
                {
                    var rgb = Average(Columns(Vector128.Load(upper)), Columns(Vector128.Load(lower)));
                    *(ulong*)target = rgb.AsUInt64().ToScalar();                       // two bytes too many; the next step writes over them
                }
                for (; target < targetEnd; upper += 6, lower += 6, target += 3)
                {
                    for (int c = 0; c < 3; c++) { target[c] = (byte)((((upper[c] + upper[c + 3] + 1) >> 1) + ((lower[c] + lower[c + 3] + 1) >> 1) + 1) >> 1); }
                }
            }
        }
        return half;
    }

    static Vector128<byte> Columns(Vector128<byte> pixels) => Average(Vector128.Shuffle(pixels, Even), Vector128.Shuffle(pixels, Odd));

    // (a + b + 1) / 2 without a ninth bit.
    static Vector128<byte> Average(Vector128<byte> a, Vector128<byte> b) => (a | b) - Vector128.ShiftRightLogical(a ^ b, 1);
}
