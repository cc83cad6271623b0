using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>Copies rows [first, first + count) one after another, count x width values. Called from several threads at a time.</summary>
public delegate void RowReader(int first, int count, Span<float> into);

/// <summary>Rows of features that are read as they are needed, with their lengths; cosines between them in float64.</summary>
public sealed unsafe class FeatureRows
{
    readonly RowReader _read;
    readonly double[] _inverse; // 1 / length; 0 for a row of zeros

    /// <summary>Reads all rows once, for their lengths.</summary>
    /// <param name="name">For errors.</param> <param name="width">Values a row.</param> <param name="read">Gives the same values each time.</param> <param name="nameOf">A row's name for errors; null: its number.</param>
    /// <exception cref="ArgumentException">A row holds NaN or infinity.</exception>
    public FeatureRows(string name, int count, int width, RowReader read, Func<int, string>? nameOf = null)
    {
        (Count, Width, _read, _inverse) = (count, width, read, new double[count]);
        Parallel.For(0, count, NeighbourSearch.Threads, () => new float[width], (i, _, row) => { _inverse[i] = Inverse(row, i); return row; }, _ => { });
        var bad = Array.FindIndex(_inverse, double.IsNaN);
        if (bad >= 0) { throw new ArgumentException($"{name} features: {nameOf?.Invoke(bad) ?? $"row {bad}"} holds NaN or infinity; leave that picture out, or find out which step made it"); }
    }

    /// <summary>Rows that are in memory.</summary>
    /// <param name="features">(N, D). Copied where it is not contiguous float32 in the host's memory. It must outlive the rows.</param>
    /// <exception cref="ArgumentException">Another shape or type, or a row holds NaN or infinity.</exception>
    public static FeatureRows Of(string name, Tensor features)
    {
        if (features.Dimensions != 2 || features.Size(1) < 1 || features.Size(0) > int.MaxValue || features.Size(1) > int.MaxValue || !features.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"{name} features {features}: expected (N, D), floating point");
        }
        var rows = features.Detach().To(Device.Cpu).To(DType.Float32).Contiguous();
        var width = (int)features.Size(1);
        return new(name, (int)features.Size(0), width, (first, count, into) =>
        {
            new ReadOnlySpan<float>((float*)rows.Data + (long)first * width, checked(count * width)).CopyTo(into);
            GC.KeepAlive(rows);
        });
    }

    public int Count { get; }

    public int Width { get; }

    /// <summary>Copies one row.</summary>
    /// <param name="into"><see cref="Width"/> values.</param>
    public void Read(int row, Span<float> into) => _read(row, 1, into);

    /// <summary>Cosine similarity of two rows; the same bits wherever and beside whatever they stand. A row of zeros is similar to nothing: 0.</summary>
    /// <param name="a">Row i of <paramref name="x"/>.</param> <param name="b">Row j of <paramref name="y"/>.</param>
    internal static double Cosine(FeatureRows x, int i, float[] a, FeatureRows y, int j, float[] b) => Dot(a, b, x.Width) * x._inverse[i] * y._inverse[j];

    /// <summary>Writes rows of length 1 into the first rows of <paramref name="block"/>, (at least count, D) float32.</summary>
    internal void Normalised(int first, int count, Tensor block)
    {
        var target = (float*)block.Data;
        Parallel.For(0, count, NeighbourSearch.Threads, i =>
        {
            var row = target + (long)i * Width;
            _read(first + i, 1, new(row, Width));
            var scale = _inverse[first + i];
            var d = 0;
            for (; d + 8 <= Width; d += 8)
            {
                var (low, high) = Vector256.Widen(Vector256.Load(row + d));
                Vector256.Narrow(low * scale, high * scale).Store(row + d);
            }
            for (; d < Width; d++) { row[d] = (float)(row[d] * scale); }
        });
    }

    double Inverse(float[] row, int i)
    {
        Read(i, row);
        var square = Dot(row, row, Width);
        return double.IsFinite(square) ? square == 0 ? 0 : 1 / Math.Sqrt(square) : double.NaN;
    }

    // Products of two float32 are exact in float64, and the order of the sum is fixed, whatever the processor.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static double Dot(float[] first, float[] second, int width)
    {
        fixed (float* a = first, b = second)
        {
            var (s0, s1, s2, s3) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
            var d = 0;
            for (; d + 16 <= width; d += 16)
            {
                var (a0, a1) = Vector256.Widen(Vector256.Load(a + d));
                var (b0, b1) = Vector256.Widen(Vector256.Load(b + d));
                var (a2, a3) = Vector256.Widen(Vector256.Load(a + d + 8));
                var (b2, b3) = Vector256.Widen(Vector256.Load(b + d + 8));
                (s0, s1, s2, s3) = (s0 + a0 * b0, s1 + a1 * b1, s2 + a2 * b2, s3 + a3 * b3);
            }
            var v = s0 + s1 + (s2 + s3);
            var sum = v[0] + v[1] + (v[2] + v[3]);
            for (; d < width; d++) { sum += (double)a[d] * b[d]; }
            return sum;
        }
    }
}
