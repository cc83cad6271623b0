namespace Diffract.Data.BuiltIn;

/// <summary>A stream of numbers that is a pure function of its key: SplitMix64 (Steele, Lea, Flood 2014), integer arithmetic alone.</summary>
struct CounterRandom(ulong key)
{
    const ulong Step = 0x9E3779B97F4A7C15;
    ulong _state = key;

    public ulong Next()
    {
        _state += Step;
        return Mix(_state);
    }

    /// <summary>Uniform in [0, 1), a multiple of 2^-24.</summary>
    public float Unit() => (Next() >> 40) * (1f / (1 << 24));

    public float Range(float low, float high) => low + (high - low) * Unit();

    /// <summary>In [low, high), small values likelier.</summary>
    public float Skewed(float low, float high)
    {
        var unit = Unit();
        return low + (high - low) * unit * unit;
    }

    /// <summary>Uniform in 0 ... count - 1.</summary>
    public int Below(int count) => (int)((Next() >> 32) * (ulong)count >> 32);

    /// <summary>Uniform in low ... high, both included.</summary>
    public int Count(int low, int high) => low + Below(high - low + 1);

    public bool Chance(float probability) => Unit() < probability;

    public float Sign() => (Next() & (1UL << 40)) == 0 ? 1 : -1;

    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>A key for a stream of its own.</summary>
    public static ulong Key(ulong seed, ulong index, ulong purpose) => Mix(Mix(Mix(seed + Step) ^ index * 0xD1342543DE82EF95) + purpose * Step);

    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
