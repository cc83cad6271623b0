using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>A picture's background: two colours and the pattern that mixes them.</summary>
sealed record Ground(Vector3 Near, Vector3 Far, Texture Texture)
{
    public static Ground Draw(in Palette palette, ref CounterRandom r)
    {
        ReadOnlySpan<TextureKind> kinds =
        [
            TextureKind.Gradient, TextureKind.Gradient, TextureKind.Horizon, TextureKind.Horizon, TextureKind.Stripes,
            TextureKind.Checks, TextureKind.Dots, TextureKind.Waves, TextureKind.Clouds, TextureKind.Clouds,
        ];
        var near = r.Chance(0.9f) == Palette.Lightness(palette[0]) < Palette.Lightness(palette[2]) ? palette[0] : palette[2];
        var far = Palette.Mix(near, palette[1], r.Range(0.15f, 0.65f));
        var kind = kinds[r.Below(kinds.Length)];
        var turns = kind == TextureKind.Horizon ? r.Range(-0.04f, 0.04f) : r.Unit();
        return new(near, far, new Texture(kind, r.Range(0.9f, 2.8f), turns, ref r));
    }

    /// <summary>In half of the pictures, one to five faint discs or slabs in the picture's colours.</summary>
    public List<Item> Clutter(in Palette palette, ref CounterRandom r)
    {
        var count = r.Chance(0.5f) ? r.Count(1, 5) : 0;
        var discs = r.Chance(0.5f);
        var items = new List<Item>();
        for (var i = 0; i < count; i++)
        {
            var part = discs ? Part.Circle(0, 0, 1) : Part.Box(0, 0, 1, r.Range(0.15f, 1), round: 0.1f);
            var tint = Palette.Mix(Near, palette.Any(ref r), r.Range(0.3f, 0.7f));
            var pose = new Pose(r.Range(-1, 1), r.Range(-1, 1), r.Range(0.08f, 0.35f), r.Unit(), 0, 1);
            items.Add(new([part], pose, new([tint], tint, default) { Opacity = r.Range(0.4f, 0.9f) }));
        }
        return items;
    }
}
