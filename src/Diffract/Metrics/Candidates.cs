using System.Numerics;

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
        var i = 0;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            if (!Vector.GreaterThanAny(new Vector<float>(values[i..]), new Vector<float>(_thresholds[row]))) { continue; }
            for (var lane = 0; lane < Vector<float>.Count; lane++) { Offer(row, values[i + lane], firstIndex + i + lane); }
        }
        for (; i < values.Length; i++) { Offer(row, values[i], firstIndex + i); }
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
        Keys(row).Sort();
        if (_counts[row] >= _keep)
        {
            _counts[row] = _keep;
            _thresholds[row] = Value(Keys(row)[^1]);
        }
    }
}
