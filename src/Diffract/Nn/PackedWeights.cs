using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Weights in the form that the project's convolution reads, made once and again when the weight has changed.</summary>
/// <remarks>At least four times the weight's float32 size, or twice for bfloat16 products: <see cref="Kernels.PackedMemory"/> bounds what a model keeps.</remarks>
sealed class PackedWeights : IDisposable
{
    readonly Dictionary<(Tensor Weight, bool Transposed, bool Pairs), (Tensor Packed, long Version)> _kept = [];
    readonly Lock _lock = new();

    /// <summary>What is kept.</summary>
    public long Bytes { get; private set; }

    /// <param name="weight">(C_out, C_in, 3, 3).</param> <param name="transposed">The form for the gradient with respect to the input.</param> <param name="pairs">For products of bfloat16.</param>
    /// <returns>A handle of the caller's; null where the limit is reached.</returns>
    public Tensor? Of(Tensor weight, bool transposed, bool pairs)
    {
        lock (_lock)
        {
            var version = (long)Dispatcher.CallNumber("aten::_version", weight);
            var known = _kept.TryGetValue((weight, transposed, pairs), out var kept);
            if (known && kept.Version == version)
            {
                return kept.Packed.Alias();
            }
            var bytes = BytesOf(weight, transposed, pairs);
            if (!known && Bytes + bytes > Kernels.PackedMemory)
            {
                return null;
            }
            using var off = GradMode.Off();
            var packed = Dispatcher.Call("diffract::conv3x3_weights", weight, transposed, 0, pairs).Keep();
            Bytes += known ? 0 : bytes;
            kept.Packed?.Dispose();
            _kept[(weight, transposed, pairs)] = (packed, version);
            return packed.Alias();
        }
    }

    // 36 values for 9 weights, in panels of up to 64 outputs, the last of which is filled up.
    static long BytesOf(Tensor weight, bool transposed, bool pairs)
    {
        var (outputs, inputs) = transposed ? (weight.Size(1), weight.Size(0)) : (weight.Size(0), weight.Size(1));
        return 36 * (pairs ? 2 : sizeof(float)) * inputs * ((outputs + 63) / 64 * 64);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var (packed, _) in _kept.Values)
            {
                packed.Dispose();
            }
            _kept.Clear();
            Bytes = 0;
        }
    }
}
