using Diffract.Data;
using Diffract.Features;

namespace Diffract.Tests.Features;

public class NoiseSourceTests
{
    // Known answers of Philox4x32-10 (Random123's kat_vectors): counter and key all 0.
    [Fact]
    public void Philox_gives_its_authors_known_answers()
    {
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), NoiseSource.Philox(0, 0));
    }

    [Fact]
    public void Noise_is_standard_normal()
    {
        var values = new float[1 << 18];
        NoiseSource.Fill(values, seed: 1, new ContentHash(42), view: 0, draw: 0, t: 90);

        double mean = values.Average(v => (double)v), variance = values.Average(v => (double)v * v), fourth = values.Average(v => Math.Pow(v, 4));
        Assert.Equal(0, mean, 0.01);                                                       // 5 / sqrt(262,144)
        Assert.Equal(1, variance, 0.015);
        Assert.Equal(3, fourth, 0.15);
        Assert.InRange(values.Max(), 3.8, 6.5);
    }

    [Fact]
    public void Noise_differs_with_each_thing_that_it_is_for()
    {
        static float[] Draw(ulong seed, UInt128 picture, int view, int draw, int t)
        {
            var values = new float[64];
            NoiseSource.Fill(values, seed, new ContentHash(picture), view, draw, t);
            return values;
        }
        float[][] all = [Draw(1, 2, 0, 0, 90), Draw(2, 2, 0, 0, 90), Draw(1, 3, 0, 0, 90), Draw(1, 2, 1, 0, 90), Draw(1, 2, 0, 1, 90), Draw(1, 2, 0, 0, 91)];

        Assert.Equal(all[0], Draw(1, 2, 0, 0, 90));
        Assert.Equal(all.Length, all.Select(values => values[0]).Distinct().Count());
        Assert.Throws<ArgumentException>(() => NoiseSource.Fill(new float[3], 1, default, 0, 0, 0));
    }
}
