using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>A picture's six colours, sRGB in 0 to 1, from a list of sets that go well together.</summary>
readonly struct Palette
{
    static readonly uint[][] Sets =
    [
        [0x12355B, 0x2F6690, 0x81C3D7, 0xF6AE2D, 0xF26419, 0xF3EFE0],   // harbour
        [0x22333B, 0x5E503F, 0xA68A64, 0xC6AC8F, 0xEAE0D5, 0x7F9C96],   // driftwood
        [0x1B4332, 0x40916C, 0x95D5B2, 0xE9C46A, 0xBC6C25, 0xFEFAE0],   // orchard
        [0x3D1F4E, 0x7B2D5B, 0xC8553D, 0xF28F3B, 0xFFD5A1, 0x588B8B],   // sunset
        [0x0B2027, 0x40798C, 0x70A9A1, 0xCFD7C7, 0xF6F1D1, 0xD1495B],   // lagoon
        [0x2B2D42, 0x5C677D, 0x8D99AE, 0xEDF2F4, 0xEF4658, 0xF2C14E],   // slate
        [0x4A2C2A, 0x8C4A3C, 0xD68C5B, 0xF3D9B1, 0x9CAF88, 0x5B7553],   // terracotta
        [0x1D1E4C, 0x4C4B9B, 0x9A8FD0, 0xE5D4F1, 0xF7A1B5, 0xFFE8A3],   // lavender
        [0x003844, 0x006C67, 0x4FB0A5, 0xF194B4, 0xFFB100, 0xFFEBC6],   // parrot
        [0x2E1F27, 0x854D27, 0xDD7230, 0xF4C95D, 0xE7E393, 0x6A8D73],   // saffron
        [0x23395B, 0x406E8E, 0x8EA8C3, 0xCBF7ED, 0xF79D84, 0xE4572E],   // fjord
        [0x3A3335, 0x6E5E61, 0xD8A7A0, 0xF2E2D2, 0xD81E5B, 0x30A9A0],   // rose
        [0x14213D, 0x33518A, 0xA3B8D8, 0xE5E5E5, 0xFCA311, 0x9B2226],   // night train
        [0x283618, 0x606C38, 0xA3B18A, 0xDAD7CD, 0xDDA15E, 0x7B4B94],   // meadow
        [0x102542, 0xB33951, 0xF87060, 0xCDD7D6, 0xF5E9E2, 0x54A0A8],   // coral
        [0x1A1A1D, 0x4E4E50, 0x8B8B8E, 0xC9C9C5, 0xF4F4EF, 0xC3073F],   // newsprint
    ];

    readonly Vector3[] _colours;

    public Palette(ref CounterRandom r)
    {
        var set = Sets[r.Below(Sets.Length)];
        _colours = new Vector3[set.Length];
        for (var i = 0; i < set.Length; i++)
        {
            var c = set[i];
            var jitter = new Vector3(r.Range(-0.06f, 0.06f), r.Range(-0.06f, 0.06f), r.Range(-0.06f, 0.06f));
            _colours[i] = Clamp(new Vector3(c >> 16 & 255, c >> 8 & 255, c & 255) * (1f / 255) + jitter);
        }
        r.Shuffle(_colours.AsSpan());
    }

    public Vector3 this[int i] => _colours[i];

    public Vector3 Any(ref CounterRandom r) => _colours[r.Below(_colours.Length)];

    /// <summary>A colour of the set that stands out from both others; where none does, one that is made lighter or darker until it does.</summary>
    public Vector3 StandingOut(Vector3 from, Vector3 andFrom, float contrast, ref CounterRandom r)
    {
        var start = r.Below(_colours.Length);
        var (best, widest) = (_colours[start], -1f);
        for (var i = 0; i < _colours.Length; i++)
        {
            var colour = _colours[(start + i) % _colours.Length];
            var gap = MathF.Min(Gap(colour, from), Gap(colour, andFrom));
            if (gap >= contrast) { return colour; }
            if (gap > widest) { (best, widest) = (colour, gap); }
        }
        var bright = (from.X + from.Y + from.Z + andFrom.X + andFrom.Y + andFrom.Z) / 6;
        return Mix(best, new Vector3(bright > 0.5f ? 0.06f : 0.97f), 0.55f);
    }

    /// <summary>How different two colours look, about 0 to 1.7; lightness counts most.</summary>
    public static float Gap(Vector3 a, Vector3 b)
    {
        var d = a - b;
        var light = Lightness(d);
        return MathF.Sqrt(light * light * 1.5f + (d.X * d.X + d.Y * d.Y + d.Z * d.Z) * 0.25f);
    }

    public static float Lightness(Vector3 c) => 0.3f * c.X + 0.59f * c.Y + 0.11f * c.Z;

    public static Vector3 Mix(Vector3 a, Vector3 b, float share) => a * (1 - share) + b * share;

    public static Vector3 Clamp(Vector3 c) => new(Clamp(c.X), Clamp(c.Y), Clamp(c.Z));

    static float Clamp(float value) => value < 0 ? 0 : value > 1 ? 1 : value;
}
