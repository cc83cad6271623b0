using System.Numerics;
using System.Runtime.InteropServices;

namespace Diffract.Metrics;

/// <summary>For each of some rows, the largest values offered so far: a running top-k in memory of 2 x keep entries a row.</summary>
sealed class Candidates
{
    readonly int _keep;
    readonly ulong[] _keys;        // the value's order in the high half, the index in the low one: ascending = larger value, then lower index
    readonly int[] _counts;
    readonly float[] _thresholds;  // what is not above cannot be among the largest

    public Candidates(int rows, int keep)
    {
        _keep = keep;
        _keys = new ulong[(long)rows * 2 * keep];
        (_counts, _thresholds) = (new int[rows], new float[rows]);
        Clear();
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Array.Fill(_thresholds, float.NegativeInfinity);
    }

    /// <summary>Offers values of consecutive indices, none of them NaN. Rows may be worked on in parallel.</summary>
    public void Offer(int row, ReadOnlySpan<float> values, int firstIndex)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var threshold = new Vector<float>(_thresholds[row]);
        for (var v = 0; v + 4 <= vectors.Length; v += 4)
        {
            var largest = Vector.Max(Vector.Max(vectors[v], vectors[v + 1]), Vector.Max(vectors[v + 2], vectors[v + 3]));
            if (!Vector.GreaterThanAny(largest, threshold)) { continue; }
            for (var i = v * Vector<float>.Count; i < (v + 4) * Vector<float>.Count; i++) { Offer(row, values[i], firstIndex + i); }
            threshold = new(_thresholds[row]);
        }
        for (var i = vectors.Length / 4 * 4 * Vector<float>.Count; i < values.Length; i++) { Offer(row, values[i], firstIndex + i); }
    }

    public void Offer(int row, float value, int index)
    {
        if (value <= _thresholds[row]) { return; }
        _keys[(long)row * 2 * _keep + _counts[row]++] = Key(value, index);
        if (_counts[row] == 2 * _keep) { Shrink(row); }
    }

    /// <summary>The keys of the largest, at most keep, in falling order; see <see cref="Index"/> and <see cref="Value"/>.</summary>
    public ReadOnlySpan<ulong> Take(int row)
    {
        Shrink(row);
        Keys(row).Sort();
        return Keys(row);
    }

    public static int Index(ulong key) => (int)(uint)key;

    public static float Value(ulong key)
    {
        var order = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((order & 0x8000_0000) != 0 ? order & 0x7fff_ffff : ~order);
    }

    static ulong Key(float value, int index)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var order = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000; // rises with the value
        return (ulong)~order << 32 | (uint)index;
    }

    Span<ulong> Keys(int row) => _keys.AsSpan(row * 2 * _keep, _counts[row]);

    void Shrink(int row)
    {
        if (_counts[row] < _keep) { return; }
        var last = Select(Keys(row), _keep - 1);
        (_counts[row], _thresholds[row]) = (_keep, Value(last));
    }

    // Hoare's selection: brings the key that sorting would bring to `place` there, lower ones before it, higher ones behind it.
    static ulong Select(Span<ulong> keys, int place)
    {
        var (low, high) = (0, keys.Length - 1);
        while (low < high)
        {
            var pivot = keys[(low + high) >>> 1];
            var (i, j) = (low, high);
            while (i <= j)
            {
                while (keys[i] < pivot) { i++; }
                while (keys[j] > pivot) { j--; }
                if (i <= j)
                {
                    (keys[i], keys[j]) = (keys[j], keys[i]);
                    (i, j) = (i + 1, j - 1);
                }
            }
            if (place <= j) { high = j; }
            else if (place >= i) { low = i; }
            else { break; }
        }
        return keys[place];
    }
}
