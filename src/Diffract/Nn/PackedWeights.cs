using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Weights in the form that the project's convolution reads, made once and again when the weight has changed.</summary>
/// <remarks>Four times the weight's float32 size: <see cref="Limit"/> bounds what a model keeps.</remarks>
sealed class PackedWeights : IDisposable
{
    readonly Dictionary<(Tensor Weight, bool Transposed), (Tensor Packed, long Version)> _kept = [];
    readonly Lock _lock = new();
    long _bytes;

    /// <summary>Bytes of packed weights that one model may keep; convolutions beyond it run in ATen. A quarter of the memory; DIFFRACT_PACKED_MEMORY sets it in MB.</summary>
    public static long Limit { get; set; } = long.TryParse(Environment.GetEnvironmentVariable("DIFFRACT_PACKED_MEMORY"), out var megabytes) ? megabytes << 20 : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

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
            var bytes = Bytes(weight);
            if (!known && _bytes + bytes > Limit)
            {
                return null;
            }
            using var off = GradMode.Off();
            var packed = Dispatcher.Call("diffract::conv3x3_weights", weight, transposed).Keep();
            _bytes += known ? 0 : bytes;
            kept.Packed?.Dispose();
            _kept[(weight, transposed)] = (packed, version);
            return packed;
        }
    }

    // 36 float32 values for 9 weights.
    static long Bytes(Tensor weight) => weight.Elements * 4 * 4;

    public void Dispose()
    {
        foreach (var (packed, _) in _kept.Values)
        {
            packed.Dispose();
        }
        _kept.Clear();
    }
}
