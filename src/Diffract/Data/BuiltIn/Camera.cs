using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>Light and lens: where the light comes from, and what happens to the picture after it is drawn.</summary>
sealed record Camera
{
    /// <summary>Unit vector in the picture that points towards the light.</summary>
    public required Vector2 Light { get; init; }

    /// <summary>How far shadows fall, in picture units.</summary>
    public required float ShadowReach { get; init; }

    public required float ShadowBlur { get; init; }

    /// <summary>Half width of the lens's tent-shaped blur, in picture units (2 is the picture's width).</summary>
    public required float Blur { get; init; }

    /// <summary>Share of brightness won at the picture's side towards the light, and lost opposite.</summary>
    public required float Slope { get; init; }

    public required float Saturation { get; init; }

    public required float Contrast { get; init; }

    public required float Brightness { get; init; }

    /// <summary>Standard deviation of the sensor's noise, of the full range.</summary>
    public required float Noise { get; init; }

    public required ulong NoiseKey { get; init; }

    public static Camera Draw(ref CounterRandom r)
    {
        var turns = r.Unit();
        return new()
        {
            Light = new(Turn.Cos(turns), Turn.Sin(turns)),
            ShadowReach = r.Range(0.05f, 0.18f),
            ShadowBlur = r.Range(0.02f, 0.15f),
            Blur = r.Chance(0.6f) ? 0 : r.Range(0.04f, 0.1f),
            Slope = r.Range(0, 0.25f),
            Saturation = r.Chance(0.12f) ? r.Range(0.1f, 0.5f) : r.Range(0.7f, 1.15f),
            Contrast = r.Range(0.75f, 1.1f),
            Brightness = r.Range(-0.07f, 0.07f),
            Noise = r.Skewed(0.004f, 0.04f),
            NoiseKey = r.Next(),
        };
    }
}
