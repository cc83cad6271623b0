using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>
/// Linear centred kernel alignment of two sets of features of the same pictures, in float64:
/// ||Xc^T Yc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F), where c takes off the mean of each column. 1 for features that agree but for rotation and scale.
/// Features come as (n, D), any floating point. NaN where one set is constant. For rows that arrive bit by bit see <see cref="CkaStream"/>.
/// </summary>
/// <remarks>Kornblith et al. 2019. Biased upwards where D is large against n: <see cref="Unbiased"/> is not.</remarks>
public static class Cka
{
    const long BlockBytes = 64L << 20;

    /// <summary>Exact over all rows; computed from sums over features or from inner products of pictures, whichever is less work.</summary>
    /// <exception cref="ArgumentException">Not (n, Dx) and (n, Dy), n &gt; 0.</exception>
    public static double Linear(Tensor x, Tensor y)
    {
        Check(x, y);
        using var noGradients = GradMode.Off();
        return Product(x, y) / Math.Sqrt(Product(x, x) * Product(y, y));
    }

    /// <summary>All pairs of two lists of features; give the same list twice for the layers of one network.</summary>
    /// <param name="memory">Bytes that may hold inner products of pictures, n x n each, so that none is computed twice without need.</param>
    /// <returns>(x.Count, y.Count).</returns>
    /// <exception cref="ArgumentException">Not all are (n, D) with one n &gt; 0.</exception>
    public static double[,] Matrix(IReadOnlyList<Tensor> x, IReadOnlyList<Tensor> y, long memory = 1L << 30)
    {
        foreach (var features in x.Concat(y)) { Check(x.Count > 0 ? x[0] : features, features); }
        using var noGradients = GradMode.Off();
        var result = new double[x.Count, y.Count];
        if (x.Count == 0 || y.Count == 0) { return result; }
        var fit = (int)Math.Min(x.Count, memory / (8 * x[0].Size(0) * x[0].Size(0)) - 1); // inner products that fit, one of y's beside those of x
        if (fit < 1)
        {
            for (var i = 0; i < x.Count; i++)
            {
                for (var j = 0; j < y.Count; j++) { result[i, j] = Linear(x[i], y[j]); }
            }
            return result;
        }
        for (var first = 0; first < x.Count; first += fit)
        {
            using var scope = new TensorScope();
            var held = x.Skip(first).Take(fit).Select(Gram).ToArray();
            var own = held.Select(k => Sum(k, k)).ToArray();
            for (var j = 0; j < y.Count; j++)
            {
                using var inner = new TensorScope();
                var at = x.Skip(first).Take(fit).ToList().IndexOf(y[j]);
                var other = at >= 0 ? held[at] : Gram(y[j]);
                var scale = Sum(other, other);
                for (var i = 0; i < held.Length; i++) { result[first + i, j] = Sum(held[i], other) / Math.Sqrt(own[i] * scale); }
            }
        }
        return result;
    }

    /// <summary>
    /// HSIC1(x, y) / sqrt(HSIC1(x, x) HSIC1(y, y)) with the unbiased estimator of the Hilbert-Schmidt independence criterion:
    /// [tr(K~L~) + 1'K~1 1'L~1 / ((n-1)(n-2)) - 2/(n-2) 1'K~L~1] / (n(n-3)), K~ = X X^T without its diagonal. It may be below 0. Takes 24 n^2 bytes.
    /// </summary>
    /// <exception cref="ArgumentException">Not (n, Dx) and (n, Dy), n &gt; 3.</exception> <remarks>Song et al. 2012.</remarks>
    public static double Unbiased(Tensor x, Tensor y)
    {
        Check(x, y);
        if (x.Size(0) < 4) { throw new ArgumentException($"{x}: the unbiased estimate needs 4 pictures or more"); }
        using var noGradients = GradMode.Off();
        using var scope = new TensorScope();
        var (k, l) = (WithoutDiagonal(Gram(x)), WithoutDiagonal(Gram(y)));
        return Hsic1(k, l) / Math.Sqrt(Hsic1(k, k) * Hsic1(l, l));
    }

    static double Hsic1(Tensor k, Tensor l)
    {
        using var scope = new TensorScope();
        var n = (double)k.Size(0);
        var (rowsK, rowsL) = (k.Sum(1), l.Sum(1));
        var mixed = Sum(rowsK, rowsL);
        return (Sum(k, l) + rowsK.Sum().Item() * rowsL.Sum().Item() / ((n - 1) * (n - 2)) - 2 / (n - 2) * mixed) / (n * (n - 3));
    }

    static Tensor WithoutDiagonal(Tensor gram)
    {
        Dispatcher.Call("aten::fill_diagonal_", gram, 0.0);
        return gram;
    }

    // ||Xc^T Yc||_F^2 = <Xc Xc^T, Yc Yc^T>.
    static double Product(Tensor x, Tensor y)
    {
        using var scope = new TensorScope();
        var (n, dx, dy) = (x.Size(0), x.Size(1), y.Size(1));
        if (n * (dx + dy) < dx * dy)
        {
            var k = Gram(x);
            return Sum(k, ReferenceEquals(x, y) ? k : Gram(y));
        }
        var sum = Aten.Zeros([dx, dy], DType.Float64, x.Device);
        var (meanX, meanY) = (x.Mean64(0), y.Mean64(0));
        var step = Math.Max(1, BlockBytes / (8 * (dx + dy)));
        for (var first = 0L; first < n; first += step)
        {
            using var block = new TensorScope();
            var (a, b) = (Centred(x, 0, first, step, meanX), Centred(y, 0, first, step, meanY));
            Dispatcher.Call("aten::addmm_", sum, a.T(), b);
        }
        return Sum(sum, sum);
    }

    // Xc Xc^T, (n, n) float64.
    static Tensor Gram(Tensor x)
    {
        using var scope = new TensorScope();
        var (n, width) = (x.Size(0), x.Size(1));
        var gram = Aten.Zeros([n, n], DType.Float64, x.Device);
        var step = Math.Max(1, BlockBytes / (8 * n));
        for (var first = 0L; first < width; first += step)
        {
            using var block = new TensorScope();
            var part = x.Narrow(1, first, Math.Min(step, width - first));
            var columns = part.To(DType.Float64) - part.Mean64(0);
            Dispatcher.Call("aten::addmm_", gram, columns, columns.T());
        }
        return scope.Return(gram);
    }

    static Tensor Centred(Tensor x, int dimension, long first, long count, Tensor mean) =>
        x.Narrow(dimension, first, Math.Min(count, x.Size(dimension) - first)).To(DType.Float64) - mean;

    static Tensor Mean64(this Tensor x, int dimension) => Dispatcher.Call("aten::mean.dim", x, (long[])[dimension], true, DType.Float64);

    internal static double Sum(Tensor a, Tensor b)
    {
        using var scope = new TensorScope();
        return Dispatcher.Call("aten::dot", a.Flatten(), b.Flatten()).Item();
    }

    internal static void Check(Tensor x, Tensor y)
    {
        if (x.Dimensions != 2 || y.Dimensions != 2 || x.Size(0) != y.Size(0) || x.Size(0) < 1 || !x.DType.IsFloatingPoint() || !y.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"features {x} and {y}: expected (n, Dx) and (n, Dy) of the same n > 0 pictures, floating point");
        }
    }
}
