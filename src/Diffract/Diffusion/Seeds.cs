namespace Diffract.Diffusion;

/// <summary>Seeds that follow from what they are for, so that nothing depends on what was drawn before.</summary>
public static class Seeds
{
    public static ulong Of(ulong seed, ulong index, ulong purpose) => Mix(Mix(Mix(seed + 0x9E3779B97F4A7C15) ^ (index * 0xD1342543DE82EF95)) + purpose * 0x9E3779B97F4A7C15);

    /// <summary>A bijection that scatters neighbouring numbers: the finaliser of SplitMix64 (Steele et al. 2014).</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>The numbers 0 .. count - 1 in an order that follows from the seed (Fisher and Yates).</summary>
    public static int[] Permutation(int count, ulong seed)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            order[i] = i;
        }
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)(Of(seed, (ulong)i, 0) % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }
}
