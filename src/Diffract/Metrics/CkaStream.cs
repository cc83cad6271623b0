using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>
/// Linear CKA of features that come bit by bit: exact over all rows, in memory of 8 (Dx + Dy)^2 bytes whatever their number.
/// Sums are kept about the first batch's mean, so that a large common offset costs no digits; neither order nor sizes of the batches matter beyond rounding of float64.
/// </summary>
public sealed class CkaStream : IDisposable
{
    readonly Tensor _sums;                  // X^T X, X^T Y, Y^T Y in one: Z^T Z, Z = [X Y] - shift
    readonly Tensor _total;                 // column sums of Z
    readonly long _widthX, _widthY;
    Tensor? _shift;

    /// <param name="widthX">Dx.</param> <param name="widthY">Dy.</param>
    public CkaStream(int widthX, int widthY)
    {
        (_widthX, _widthY) = (widthX, widthY);
        _sums = Aten.Zeros([_widthX + _widthY, _widthX + _widthY], DType.Float64).Keep();
        _total = Aten.Zeros([_widthX + _widthY], DType.Float64).Keep();
    }

    /// <summary>Pictures so far.</summary>
    public long Pictures { get; private set; }

    /// <param name="x">(n, Dx).</param> <param name="y">(n, Dy): the same pictures.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Add(Tensor x, Tensor y)
    {
        Cka.Check(x, y);
        if (x.Size(1) != _widthX || y.Size(1) != _widthY) { throw new ArgumentException($"features {x} and {y}: expected widths {_widthX} and {_widthY}"); }
        using var scope = new TensorScope();
        using var noGradients = GradMode.Off();
        var z = Aten.Cat([x.To(Device.Cpu).To(DType.Float64), y.To(Device.Cpu).To(DType.Float64)], 1);
        _shift ??= z.Mean(0).Keep();
        z -= _shift;
        Dispatcher.Call("aten::addmm_", _sums, z.T(), z);
        _total.Add_(z.Sum(0));
        Pictures += x.Size(0);
    }

    /// <summary>CKA of all rows so far; NaN where there are none or one set is constant.</summary>
    public double Value()
    {
        using var scope = new TensorScope();
        using var noGradients = GradMode.Off();
        var centred = _sums - _total.Unsqueeze(1) * _total / Pictures;
        double Part(long row, long rows, long column, long columns)
        {
            var norm = centred.Narrow(0, row, rows).Narrow(1, column, columns).Norm().Item();
            return norm * norm;
        }
        return Part(0, _widthX, _widthX, _widthY) / Math.Sqrt(Part(0, _widthX, 0, _widthX) * Part(_widthX, _widthY, _widthX, _widthY));
    }

    public void Dispose()
    {
        _sums.Dispose();
        _total.Dispose();
        _shift?.Dispose();
    }
}
