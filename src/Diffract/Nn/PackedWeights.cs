using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Frozen weights in the forms that the project's convolution and linear layer read, made once and again when the weight has changed; trained ones are packed in each pass.</summary>
/// <remarks>For a 3x3 convolution at least four times the weight's float32 size, or twice for products of 16 bits: <see cref="Kernels.PackedMemory"/> bounds what a model keeps.</remarks>
sealed class PackedWeights : IDisposable
{
    readonly Dictionary<(Tensor Weight, bool Transposed, DType Factors), (Tensor Packed, long Version, long Bytes)> _kept = [];
    readonly Lock _lock = new();

    /// <summary>What is kept.</summary>
    public long Bytes { get; private set; }

    /// <summary>x W^T + b on the last dimension, in x's type: (..., in) -> (..., out).</summary>
    /// <param name="weight">(out, in), then any ones.</param> <param name="bias">(out), or none.</param>
    public Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        using var scope = new TensorScope();
        var (trained, rows) = (weight.RequiresGrad, x.Elements / Math.Max(1, x.Size(-1)));
        if (Kernels.Linear(x, weight) && (trained || weight.DType == x.DType) && (!trained || rows >= Kernels.RowsWorthPacking))
        {
            var packed = trained ? null : Of(weight, transposed: false, Kernels.Factors(x));
            var transposed = packed is not null && GradMode.IsOn ? Of(weight, transposed: true, Kernels.Factors(x)) : null;
            if (trained || packed is not null)
            {
                return scope.Return(Dispatcher.Call("diffract::linear", x, weight.To(x.DType), bias, packed, transposed));
            }
        }
        return scope.Return(Aten.Linear(x, weight.Flatten(1).To(x.DType), bias?.To(x.DType)));
    }

    /// <param name="weight">(C_out, C_in, 3, 3), or of a linear layer.</param> <param name="transposed">The form for the gradient with respect to the input.</param> <param name="factors">Of the products that they are for.</param>
    /// <returns>A handle of the caller's; null where the limit is reached.</returns>
    public Tensor? Of(Tensor weight, bool transposed, DType factors)
    {
        lock (_lock)
        {
            var version = (long)Dispatcher.CallNumber("aten::_version", weight);
            var known = _kept.TryGetValue((weight, transposed, factors), out var kept);
            if (known && kept.Version == version)
            {
                return kept.Packed.Alias();
            }
            var bytes = BytesOf(weight, transposed, factors);
            if (!known && Bytes + bytes > Kernels.PackedMemory)
            {
                return null;
            }
            using var off = GradMode.Off();
            var packed = (IsConvolution(weight) ? Dispatcher.Call("diffract::conv3x3_weights", weight, transposed, 0, factors) : Dispatcher.Call("diffract::linear_weights", weight, transposed, factors)).Keep();
            bytes = Math.Max(bytes, packed.Elements * packed.DType.Size()); // in float32 where float16 would not hold it well
            Bytes += bytes - kept.Bytes;
            kept.Packed?.Dispose();
            _kept[(weight, transposed, factors)] = (packed, version, bytes);
            return packed.Alias();
        }
    }

    static bool IsConvolution(Tensor weight) => weight.Dimensions == 4 && weight.Size(2) == 3;

    // In panels of up to 64 outputs, the last of which is filled up; 36 values for the 9 weights of a convolution.
    static long BytesOf(Tensor weight, bool transposed, DType factors)
    {
        var (outputs, inputs) = transposed ? (weight.Size(1), weight.Size(0)) : (weight.Size(0), weight.Size(1));
        return (IsConvolution(weight) ? 36 : 1) * factors.Size() * inputs * ((outputs + 63) / 64 * 64);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var (packed, _, _) in _kept.Values)
            {
                packed.Dispose();
            }
            _kept.Clear();
            Bytes = 0;
        }
    }
}
