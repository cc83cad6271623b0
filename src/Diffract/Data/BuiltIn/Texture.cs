namespace Diffract.Data.BuiltIn;

enum TextureKind { Plain, Gradient, Stripes, Checks, Dots, Waves, Clouds, Horizon }

/// <summary>A pattern over the plane: how much of a second colour each point has.</summary>
readonly struct Texture
{
    readonly float _cos, _sin, _x, _y, _frequency, _duty, _soft;
    readonly uint _salt;

    public TextureKind Kind { get; }

    /// <param name="frequency">Periods a unit.</param>
    public Texture(TextureKind kind, float frequency, float turns, ref CounterRandom r)
    {
        (Kind, _frequency, _cos, _sin) = (kind, frequency, Turn.Cos(turns), Turn.Sin(turns));
        (_x, _y, _duty, _soft) = (r.Unit(), r.Unit(), r.Range(0.35f, 0.65f), r.Chance(0.3f) ? r.Range(0.2f, 0.8f) : 0);
        _salt = (uint)(r.Next() >> 32);
    }

    /// <summary>The second colour's share at (x, y), 0 to 1.</summary>
    /// <param name="pixel">Width of a picture's pixel in these coordinates: edges are as soft as that.</param>
    public float Share(float x, float y, float pixel)
    {
        if (Kind == TextureKind.Plain) { return 0; }
        var (u, v) = (_cos * x + _sin * y, _cos * y - _sin * x);
        if (Kind == TextureKind.Gradient) { return Clamp(0.5f + 0.6f * v); }
        if (Kind == TextureKind.Horizon) { return Clamp(0.5f + (v - (_x - 0.4f) * 0.8f) / MathF.Max(pixel, _soft * 0.2f)); }
        (u, v) = (u * _frequency + _x, v * _frequency + _y);
        var edge = MathF.Max(pixel * _frequency * 2, _soft);
        switch (Kind)
        {
            case TextureKind.Stripes:
                return Step(Wave(u), _duty, edge);
            case TextureKind.Waves:
                return Step(Wave(u + 0.16f * Turn.Sin(v * 0.8f)), _duty, edge);
            case TextureKind.Checks:
                var (a, b) = (2 * Step(Wave(u), 0.5f, edge) - 1, 2 * Step(Wave(v), 0.5f, edge) - 1);
                return 0.5f + 0.5f * a * b;
            case TextureKind.Dots:
                v -= MathF.Floor(v * 0.5f) * 2;
                if (v >= 1) { u += 0.5f; }
                var (du, dv) = (u - MathF.Floor(u) - 0.5f, v - MathF.Floor(v) - 0.5f);
                return Step(_duty * 0.55f, MathF.Sqrt(du * du + dv * dv), edge * 0.5f);
            default:
                var cloud = Value(u, v) * 0.65f + Value(u * 2.03f + 17, v * 2.03f + 5) * 0.35f;
                return Clamp(0.5f + (cloud - 0.5f) * 2.2f);
        }
    }

    /// <summary>A triangle wave of period 1 between 0 and 1.</summary>
    static float Wave(float t) => MathF.Abs(t - MathF.Floor(t) - 0.5f) * 2;

    static float Step(float value, float threshold, float width) => Clamp(0.5f + (value - threshold) / width);

    static float Clamp(float value) => value < 0 ? 0 : value > 1 ? 1 : value;

    /// <summary>Value noise: random heights on the whole numbers, smoothly joined.</summary>
    float Value(float u, float v)
    {
        var (fu, fv) = (MathF.Floor(u), MathF.Floor(v));
        var (iu, iv) = ((int)fu, (int)fv);
        var (s, t) = (u - fu, v - fv);
        (s, t) = (s * s * (3 - 2 * s), t * t * (3 - 2 * t));
        var top = Height(iu, iv) * (1 - s) + Height(iu + 1, iv) * s;
        var bottom = Height(iu, iv + 1) * (1 - s) + Height(iu + 1, iv + 1) * s;
        return top * (1 - t) + bottom * t;
    }

    float Height(int u, int v)
    {
        var h = (uint)u * 0x9E3779B1u ^ (uint)v * 0x85EBCA77u ^ _salt;
        h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
        h = (h ^ (h >> 12)) * 0x297A2D39u;
        return ((h ^ (h >> 15)) >> 8) * (1f / (1 << 24));
    }
}
