using System.Numerics;

namespace Diffract.Data.BuiltIn;

static class Lens
{
    /// <summary>A separable tent filter; beyond the picture its rim goes on.</summary>
    /// <param name="half">Half the tent's width in pixels; not above 1, nothing changes.</param>
    public static Vector3[] Blur(Vector3[] image, int size, float half)
    {
        var reach = (int)MathF.Ceiling(half) - 1;
        if (reach < 1) { return image; }
        var weights = new float[2 * reach + 1];
        var sum = 0f;
        for (var k = -reach; k <= reach; k++) { sum += weights[k + reach] = half - MathF.Abs(k); }
        for (var k = 0; k < weights.Length; k++) { weights[k] /= sum; }
        return Columns(Columns(image, size, weights, reach), size, weights, reach);
    }

    /// <summary>Filters along y and transposes: twice gives both directions and the picture upright again.</summary>
    static Vector3[] Columns(Vector3[] image, int size, float[] weights, int reach)
    {
        var result = new Vector3[image.Length];
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++)
            {
                var sum = Vector3.Zero;
                for (var k = -reach; k <= reach; k++)
                {
                    sum += image[Math.Clamp(i + k, 0, size - 1) * size + j] * weights[k + reach];
                }
                result[j * size + i] = sum;
            }
        }
        return result;
    }

    /// <summary>Three numbers of mean 0 and variance 1, near enough normal: sums of three uniform ones each.</summary>
    public static Vector3 Noise(ulong key, int pixel)
    {
        var bits = CounterRandom.Mix(key + (ulong)pixel * 0x9E3779B97F4A7C15);
        return new(Sum(bits), Sum(bits >> 21), Sum(bits >> 42));
    }

    static float Sum(ulong bits) => ((int)(bits & 127) + (int)(bits >> 7 & 127) + (int)(bits >> 14 & 127) - 190.5f) * (1f / 64f);
}
