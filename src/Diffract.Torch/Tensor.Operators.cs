namespace Diffract.Torch;

// The operators of a tensor, a line each, as methods so that they chain.
public sealed partial class Tensor
{
    public static Tensor operator +(Tensor a, Tensor b) => Dispatcher.Call("aten::add.Tensor", a, b);
    public static Tensor operator +(Tensor a, double b) => Dispatcher.Call("aten::add.Scalar", a, b);
    public static Tensor operator +(double a, Tensor b) => b + a;
    public static Tensor operator -(Tensor a, Tensor b) => Dispatcher.Call("aten::sub.Tensor", a, b);
    public static Tensor operator -(Tensor a, double b) => Dispatcher.Call("aten::sub.Scalar", a, b);
    public static Tensor operator -(double a, Tensor b) => Dispatcher.Call("aten::rsub.Scalar", b, a);
    public static Tensor operator -(Tensor a) => Dispatcher.Call("aten::neg", a);
    public static Tensor operator *(Tensor a, Tensor b) => Dispatcher.Call("aten::mul.Tensor", a, b);
    public static Tensor operator *(Tensor a, double b) => Dispatcher.Call("aten::mul.Scalar", a, b);
    public static Tensor operator *(double a, Tensor b) => b * a;
    public static Tensor operator /(Tensor a, Tensor b) => Dispatcher.Call("aten::div.Tensor", a, b);
    public static Tensor operator /(Tensor a, double b) => Dispatcher.Call("aten::div.Scalar", a, b);

    public Tensor Silu() => Dispatcher.Call("aten::silu", this);
    public Tensor Relu() => Dispatcher.Call("aten::relu", this);
    public Tensor Sigmoid() => Dispatcher.Call("aten::sigmoid", this);
    public Tensor Tanh() => Dispatcher.Call("aten::tanh", this);
    public Tensor Exp() => Dispatcher.Call("aten::exp", this);
    public Tensor Log() => Dispatcher.Call("aten::log", this);
    public Tensor Cos() => Dispatcher.Call("aten::cos", this);
    public Tensor Sin() => Dispatcher.Call("aten::sin", this);
    public Tensor Sqrt() => Dispatcher.Call("aten::sqrt", this);
    public Tensor Square() => Dispatcher.Call("aten::square", this);
    public Tensor Abs() => Dispatcher.Call("aten::abs", this);
    public Tensor Clamp(double low, double high) => Dispatcher.Call("aten::clamp", this, low, high);
    public Tensor Softmax(int dimension, DType? type = null) => Dispatcher.Call("aten::softmax.int", this, dimension, type);
    public Tensor LogSoftmax(int dimension) => Dispatcher.Call("aten::log_softmax.int", this, dimension);

    public Tensor Sum() => Dispatcher.Call("aten::sum", this);
    public Tensor Sum(int dimension, bool keep = false) => Dispatcher.Call("aten::sum.dim_IntList", this, (long[])[dimension], keep);
    public Tensor Mean() => Dispatcher.Call("aten::mean", this);
    public Tensor Mean(int dimension, bool keep = false) => Dispatcher.Call("aten::mean.dim", this, (long[])[dimension], keep);
    public Tensor Norm() => Dispatcher.Call("aten::linalg_vector_norm", this);
    public Tensor Norm(int dimension, bool keep = false) => Dispatcher.Call("aten::linalg_vector_norm", this, 2.0, (long[])[dimension], keep);
    public Tensor Max() => Dispatcher.Call("aten::max", this);
    public Tensor Min() => Dispatcher.Call("aten::min", this);
    public Tensor ArgMax(int dimension) => Dispatcher.Call("aten::argmax", this, dimension);
    public Tensor All() => Dispatcher.Call("aten::all", this);
    public Tensor IsFinite() => Dispatcher.Call("aten::isfinite", this);
    /// <summary>0 for what is not a number or infinite; no gradient flows through these.</summary>
    public Tensor ZeroWhereNotFinite() => Dispatcher.Call("aten::nan_to_num", this, 0.0, 0.0, 0.0);
    public Tensor Equal(Tensor other) => Dispatcher.Call("aten::eq.Tensor", this, other);
    /// <summary>The k largest along a dimension, sorted: values and indices.</summary>
    public (Tensor Values, Tensor Indices) TopK(int k, int dimension = -1)
    {
        var results = Dispatcher.CallAll("aten::topk", this, k, dimension);
        return (results[0]!, results[1]!);
    }

    public Tensor MatMul(Tensor other) => Dispatcher.Call("aten::matmul", this, other);
    public Tensor T() => Dispatcher.Call("aten::t", this);
    public Tensor Transpose(int a, int b) => Dispatcher.Call("aten::transpose.int", this, a, b);
    public Tensor Permute(params long[] dimensions) => Dispatcher.Call("aten::permute", this, dimensions);
    public Tensor Reshape(params long[] shape) => Dispatcher.Call("aten::reshape", this, shape);
    public Tensor Flatten(int start = 0, int end = -1) => Dispatcher.Call("aten::flatten.using_ints", this, start, end);
    public Tensor Unsqueeze(int dimension) => Dispatcher.Call("aten::unsqueeze", this, dimension);
    /// <summary>(N, C) as (N, C, 1, 1).</summary>
    public Tensor Unsqueeze2d() => Unsqueeze(-1).Unsqueeze(-1);
    public Tensor Expand(params long[] shape) => Dispatcher.Call("aten::expand", this, shape);
    public Tensor Narrow(int dimension, long start, long length) => Dispatcher.Call("aten::narrow", this, dimension, start, length);
    public Tensor Select(int dimension, long index) => Dispatcher.Call("aten::select.int", this, dimension, index);
    public Tensor IndexSelect(int dimension, Tensor indices) => Dispatcher.Call("aten::index_select", this, dimension, indices);
    public Tensor Gather(int dimension, Tensor indices) => Dispatcher.Call("aten::gather", this, dimension, indices);
    public Tensor Flip(params long[] dimensions) => Dispatcher.Call("aten::flip", this, dimensions);
    public Tensor[] Chunk(int parts, int dimension) => Dispatcher.CallAll("aten::chunk", this, parts, dimension)!;
    public (Tensor First, Tensor Second) Chunk2(int dimension)
    {
        var parts = Chunk(2, dimension);
        return (parts[0], parts[1]);
    }

    public Tensor To(DType type) => type == DType ? this : Dispatcher.Call("aten::to.dtype", this, type);
    public Tensor To(Device device) => device == Device ? this : Dispatcher.Call("aten::to.device", this, device, DType);
    public Tensor Contiguous() => IsContiguous ? this : Dispatcher.Call("aten::contiguous", this);
    /// <summary>The same values with channels innermost in memory (N H W C).</summary>
    public Tensor ChannelsLast() => Dispatcher.Call("aten::contiguous", this, MemoryFormatChannelsLast);
    public Tensor Detach() => Dispatcher.Call("aten::detach", this);
    public Tensor Clone() => Dispatcher.Call("aten::clone", this);

    public Tensor Copy_(Tensor source) => Changed(Dispatcher.Call("aten::copy_", this, source));
    public Tensor Zero_() => Changed(Dispatcher.Call("aten::zero_", this));
    public Tensor Add_(Tensor other, double alpha = 1) => Changed(Dispatcher.Call("aten::add_.Tensor", this, other, alpha));
    public Tensor Mul_(Tensor factor) => Changed(Dispatcher.Call("aten::mul_.Tensor", this, factor));
    public Tensor Mul_(double factor) => Changed(Dispatcher.Call("aten::mul_.Scalar", this, factor));
    public Tensor Lerp_(Tensor end, double weight) => Changed(Dispatcher.Call("aten::lerp_.Scalar", this, end, weight));
    public Tensor AddCMul_(Tensor a, Tensor b, double value) => Changed(Dispatcher.Call("aten::addcmul_", this, a, b, value));
    public Tensor AddCDiv_(Tensor a, Tensor b, double value) => Changed(Dispatcher.Call("aten::addcdiv_", this, a, b, value));
    public Tensor Normal_(double mean, double deviation) => Changed(Dispatcher.Call("aten::normal_", this, mean, deviation));
    public Tensor Uniform_(double low, double high) => Changed(Dispatcher.Call("aten::uniform_", this, low, high));
    public Tensor Fill_(double value) => Changed(Dispatcher.Call("aten::fill_.Scalar", this, value));

    const int MemoryFormatChannelsLast = 2;

    // An operator that works in place returns a second handle to this tensor: not wanted.
    Tensor Changed(Tensor result)
    {
        result.Dispose();
        return this;
    }
}
