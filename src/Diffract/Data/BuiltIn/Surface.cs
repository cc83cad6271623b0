using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>How a shape looks: a colour for each <see cref="Tint"/>, and a pattern that mixes another into the main one.</summary>
sealed record Surface(Vector3[] Tints, Vector3 Pattern, Texture Texture)
{
    /// <summary>0 is flat, 1 strongly lit and shaded at the rim.</summary>
    public float Relief { get; init; }

    /// <summary>Width of the rounded rim, in shape units.</summary>
    public float Rim { get; init; } = 0.3f;

    /// <summary>Width of the dark line inside each part's edge, in shape units; 0 for none.</summary>
    public float Line { get; init; }

    /// <summary>Share of the light that the shape's shadow takes away.</summary>
    public float Shadow { get; init; }

    public float Opacity { get; init; } = 1;

    /// <param name="contrast">Least gap between the main colour and the ground's.</param>
    public static Surface Draw(in Palette palette, Ground ground, float contrast, ref CounterRandom r)
    {
        ReadOnlySpan<TextureKind> kinds =
        [
            TextureKind.Plain, TextureKind.Plain, TextureKind.Gradient, TextureKind.Gradient, TextureKind.Stripes,
            TextureKind.Checks, TextureKind.Dots, TextureKind.Waves, TextureKind.Clouds,
        ];
        var main = palette.StandingOut(ground.Near, ground.Far, contrast, ref r);
        var second = Palette.Mix(palette.StandingOut(main, ground.Near, 0.2f, ref r), main, r.Range(0, 0.25f));
        var accent = palette.StandingOut(main, second, 0.2f, ref r);
        var dark = Palette.Mix(palette.Any(ref r), new Vector3(0.08f, 0.07f, 0.1f), 0.75f);
        var light = Palette.Mix(palette.Any(ref r), new Vector3(0.98f, 0.96f, 0.92f), 0.75f);
        var other = r.Below(4) switch { 0 => dark, 1 => light, _ => palette.Any(ref r) };
        var pattern = Palette.Mix(main, other, r.Range(0.15f, 0.5f));
        var lined = r.Chance(0.25f);
        return new([main, second, accent, dark, light], pattern, new Texture(kinds[r.Below(kinds.Length)], r.Range(1.2f, 3.2f), r.Unit(), ref r))
        {
            Relief = lined ? r.Range(0, 0.4f) : r.Chance(0.2f) ? 0 : r.Range(0.3f, 1f),
            Rim = r.Range(0.12f, 0.32f),
            Line = lined ? r.Range(0.04f, 0.08f) : 0,
            Shadow = r.Chance(0.75f) ? r.Range(0.2f, 0.6f) : 0,
        };
    }
}
