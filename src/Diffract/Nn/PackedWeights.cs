using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Weights in the form that the project's convolution reads, made once and again when the weight has changed.</summary>
/// <remarks>Four times the weight's float32 size: <see cref="Kernels.PackedMemory"/> bounds what a model keeps.</remarks>
sealed class PackedWeights : IDisposable
{
    readonly Dictionary<(Tensor Weight, bool Transposed), (Tensor Packed, long Version)> _kept = [];
    readonly Lock _lock = new();

    /// <summary>What is kept.</summary>
    public long Bytes { get; private set; }

    /// <param name="weight">(C_out, C_in, 3, 3).</param> <param name="transposed">The form for the gradient with respect to the input.</param>
    /// <returns>Null where the limit is reached. It stays the owner's of this.</returns>
    public Tensor? Of(Tensor weight, bool transposed)
    {
        lock (_lock)
        {
            var version = (long)Dispatcher.CallNumber("aten::_version", weight);
            var known = _kept.TryGetValue((weight, transposed), out var kept);
            if (known && kept.Version == version)
            {
                return kept.Packed;
            }
            var bytes = BytesOf(weight);
            if (!known && Bytes + bytes > Kernels.PackedMemory)
            {
                return null;
            }
            using var off = GradMode.Off();
            var packed = Dispatcher.Call("diffract::conv3x3_weights", weight, transposed).Keep();
            Bytes += known ? 0 : bytes;
            kept.Packed?.Dispose();
            _kept[(weight, transposed)] = (packed, version);
            return packed;
        }
    }

    // 36 float32 values for 9 weights.
    static long BytesOf(Tensor weight) => weight.Elements * 4 * 4;

    public void Dispose()
    {
        foreach (var (packed, _) in _kept.Values)
        {
            packed.Dispose();
        }
        _kept.Clear();
    }
}
