using System.Globalization;

namespace Diffract.Diffusion;

/// <summary>Which steps of a long process a shorter one visits.</summary>
public static class Timesteps
{
    /// <summary>Steps for a specification as guided-diffusion writes it: "250", "10,15,20" (a number a section) or "ddim25" (a whole stride).</summary>
    /// <param name="steps">Steps of the whole process.</param> <param name="specification">The text.</param>
    /// <returns>Ascending, without repeats.</returns>
    /// <exception cref="ArgumentException">The specification does not fit the number of steps.</exception>
    public static int[] Spaced(int steps, string specification)
    {
        if (specification.StartsWith("ddim", StringComparison.Ordinal))
        {
            return Strided(steps, Number(specification[4..], specification));
        }
        return Sections(steps, [.. specification.Split(',').Select(part => Number(part, specification))]);
    }

    static int[] Strided(int steps, int wanted)
    {
        for (var stride = 1; stride < steps; stride++)
        {
            if ((steps + stride - 1) / stride == wanted)
            {
                return [.. Enumerable.Range(0, wanted).Select(i => i * stride)];
            }
        }
        throw new ArgumentException($"cannot create exactly {wanted} steps of {steps} with an integer stride");
    }

    static int[] Sections(int steps, int[] counts)
    {
        var taken = new SortedSet<int>();
        var start = 0;
        for (var section = 0; section < counts.Length; section++)
        {
            var size = steps / counts.Length + (section < steps % counts.Length ? 1 : 0);
            var count = counts[section];
            if (size < count)
            {
                throw new ArgumentException($"cannot divide section of {size} steps into {count}");
            }
            var stride = count <= 1 ? 1 : (size - 1) / (double)(count - 1);
            var at = 0.0;
            for (var i = 0; i < count; i++)
            {
                taken.Add(start + (int)Math.Round(at, MidpointRounding.ToEven));
                at += stride;
            }
            start += size;
        }
        return [.. taken];
    }

    static int Number(string text, string specification) => int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
        ? number
        : throw new ArgumentException($"timesteps '{specification}': '{text}' is not a number of steps; expected \"250\", \"10,15,20\" or \"ddim25\"");
}
