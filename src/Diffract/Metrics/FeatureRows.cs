using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>Rows of features as float32 in the host's memory, with their lengths; cosines between them in float64.</summary>
sealed unsafe class FeatureRows
{
    readonly Tensor _features;
    readonly float* _data;
    readonly double[] _inverse; // 1 / length; 0 for a row of zeros

    /// <param name="features">(N, D). Copied where it is not contiguous float32 in the host's memory.</param>
    public FeatureRows(string name, Tensor features)
    {
        if (features.Dimensions != 2 || features.Size(1) < 1 || features.Size(0) > int.MaxValue || features.Size(1) > int.MaxValue || !features.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"{name} features {features}: expected (N, D), floating point");
        }
        _features = features.Detach().To(Device.Cpu).To(DType.Float32).Contiguous();
        (Count, Width) = ((int)features.Size(0), (int)features.Size(1));
        _data = (float*)_features.Data;
        _inverse = new double[Count];
        Parallel.For(0, Count, NeighbourSearch.Threads, i => _inverse[i] = Inverse(Dot(Row(i), Row(i), Width)));
        var bad = Array.FindIndex(_inverse, double.IsNaN);
        if (bad >= 0) { throw new ArgumentException($"{name} features: row {bad} holds NaN or infinity; leave that picture out, or find out which step made it"); }
    }

    public int Count { get; }

    public int Width { get; }

    /// <summary>Cosine similarity of two rows; the same bits wherever and beside whatever they stand. A row of zeros is similar to nothing: 0.</summary>
    public static double Cosine(FeatureRows a, int i, FeatureRows b, int j) => Dot(a.Row(i), b.Row(j), a.Width) * a._inverse[i] * b._inverse[j];

    /// <summary>Writes rows of length 1 into the first rows of <paramref name="block"/>, (at least count, D) float32.</summary>
    public void Normalised(int first, int count, Tensor block)
    {
        var target = (float*)block.Data;
        Parallel.For(0, count, NeighbourSearch.Threads, i =>
        {
            float* from = Row(first + i), to = target + (long)i * Width;
            var scale = _inverse[first + i];
            var d = 0;
            for (; d + 8 <= Width; d += 8)
            {
                var (low, high) = Vector256.Widen(Vector256.Load(from + d));
                Vector256.Narrow(low * scale, high * scale).Store(to + d);
            }
            for (; d < Width; d++) { to[d] = (float)(from[d] * scale); }
        });
        GC.KeepAlive(_features);
    }

    float* Row(int i) => _data + (long)i * Width;

    static double Inverse(double square) => double.IsFinite(square) ? square == 0 ? 0 : 1 / Math.Sqrt(square) : double.NaN;

    // Products of two float32 are exact in float64, and the order of the sum is fixed, whatever the processor.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static double Dot(float* a, float* b, int width)
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
