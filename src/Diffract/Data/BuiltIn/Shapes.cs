using static Diffract.Data.BuiltIn.Part;

namespace Diffract.Data.BuiltIn;

/// <summary>The ten classes: each call draws one member, its parts from back to front, within about a unit circle, y down.</summary>
static class Shapes
{
    public const int Count = 10;

    /// <summary>How far a class is turned from upright: at most this many turns to either side; 0.5 is any angle.</summary>
    public static float Swing(int label) => label switch
    {
        2 or 4 or 7 => 0.5f,                                 // gear, key, star
        1 => 0.14f,                                          // fish
        _ => 0.075f,
    };

    public static Part[] Draw(int label, ref CounterRandom r) => label switch
    {
        0 => Car(ref r),
        1 => Fish(ref r),
        2 => Gear(ref r),
        3 => House(ref r),
        4 => Key(ref r),
        5 => Mug(ref r),
        6 => Mushroom(ref r),
        7 => Star(ref r),
        8 => Tree(ref r),
        _ => Umbrella(ref r),
    };

    static Part[] Car(ref CounterRandom r)
    {
        var (sill, waist, roof) = (0.36f, r.Range(-0.06f, 0.06f), r.Range(-0.52f, -0.36f));
        var (rear, front) = (r.Range(-0.86f, -0.45f), r.Range(0.25f, 0.6f));
        var (rearRake, frontRake) = (r.Range(0.02f, 0.25f), r.Range(0.15f, 0.3f));
        var wheel = r.Range(0.19f, 0.26f);
        var (axleRear, axleFront) = (r.Range(-0.62f, -0.5f), r.Range(0.48f, 0.6f));
        var inset = 0.085f;
        var pillar = (rear + front) / 2 + r.Range(-0.08f, 0.12f);
        return
        [
            Polygon([(rear, waist + 0.1f), (rear + rearRake, roof), (front - frontRake, roof), (front, waist + 0.1f)], round: 0.03f),
            Box(0, (waist + sill) / 2, 0.95f, (sill - waist) / 2, round: r.Range(0.06f, 0.14f)),
            Polygon([(rear + rearRake * 0.4f + inset, waist), (rear + rearRake + inset * 0.7f, roof + inset), (pillar - 0.04f, roof + inset), (pillar - 0.04f, waist)],
                Tint.Light, PartUse.Paint),
            Polygon([(pillar + 0.04f, waist), (pillar + 0.04f, roof + inset), (front - frontRake - inset * 0.4f, roof + inset), (front - inset, waist)],
                Tint.Light, PartUse.Paint),
            Box(0, sill - 0.07f, 1f, r.Range(0.02f, 0.05f), Tint.Second, PartUse.Paint),
            Circle(0.9f, waist + 0.13f, 0.07f, Tint.Accent, PartUse.Paint),
            Circle(axleRear, sill, wheel, Tint.Dark), Circle(axleRear, sill, wheel * 0.45f, Tint.Light),
            Circle(axleFront, sill, wheel, Tint.Dark), Circle(axleFront, sill, wheel * 0.45f, Tint.Light),
        ];
    }

    static Part[] Fish(ref CounterRandom r)
    {
        var half = r.Range(0.3f, 0.46f);
        var (tail, notch) = (r.Range(0.26f, 0.46f), r.Range(0.02f, 0.2f));
        var fin = r.Range(0.16f, 0.34f);
        var lean = r.Range(0.0f, 0.25f);
        List<Part> parts =
        [
            Polygon([(-0.5f, 0), (-0.98f, -tail), (-0.98f + notch, 0), (-0.98f, tail)], Tint.Second, round: 0.02f),
            Polygon([(-0.25f, -half * 0.7f), (-0.2f - lean, -half - fin), (0.2f - lean, -half - fin * 0.7f), (0.4f, -half * 0.7f)], Tint.Second, round: 0.02f),
            Polygon([(-0.1f, half * 0.8f), (-0.25f - lean, half + fin * 0.7f), (0.15f, half * 0.85f)], Tint.Second, round: 0.02f),
            Ellipse(0.16f, 0, 0.8f, half),
        ];
        if (r.Chance(0.5f))
        {
            var bands = r.Count(1, 3);
            for (var i = 0; i < bands; i++) { parts.Add(Box(0.22f - i * 0.28f, 0, 0.06f, 0.6f, Tint.Accent, PartUse.Paint, turns: r.Range(-0.02f, 0.02f))); }
        }
        else
        {
            parts.Add(Ellipse(-0.02f, half * 0.15f, 0.19f, half * 0.3f, Tint.Second, PartUse.Paint, turns: 0.06f));
        }
        var eye = r.Range(0.075f, 0.11f);
        parts.Add(Circle(0.62f, -half * 0.28f, eye, Tint.Light, PartUse.Paint));
        parts.Add(Circle(0.64f, -half * 0.28f, eye * 0.55f, Tint.Dark, PartUse.Paint));
        return [.. parts];
    }

    static Part[] Gear(ref CounterRandom r)
    {
        var teeth = r.Count(6, 10);
        var (outer, root) = (0.95f, r.Range(0.64f, 0.74f));
        var (wide, narrow) = (r.Range(0.26f, 0.31f), r.Range(0.16f, 0.23f));    // half widths of a tooth, in tooth pitches
        var points = new (float, float)[teeth * 4];
        for (var i = 0; i < teeth; i++)
        {
            points[i * 4] = Polar(root, (i - wide) / teeth);
            points[i * 4 + 1] = Polar(outer, (i - narrow) / teeth);
            points[i * 4 + 2] = Polar(outer, (i + narrow) / teeth);
            points[i * 4 + 3] = Polar(root, (i + wide) / teeth);
        }
        var bore = r.Range(0.2f, 0.36f);
        List<Part> parts = [Polygon(points, round: r.Range(0, 0.03f))];
        if (r.Chance(0.5f)) { parts.Add(Circle(0, 0, bore + r.Range(0.1f, 0.22f), Tint.Second, PartUse.Paint)); }
        parts.Add(Circle(0, 0, bore, use: PartUse.Cut));
        return [.. parts];
    }

    static Part[] House(ref CounterRandom r)
    {
        var (wide, eaves, ridge) = (r.Range(0.52f, 0.76f), r.Range(-0.16f, 0.06f), r.Range(-0.95f, -0.7f));
        var overhang = r.Range(0.1f, 0.2f);
        var (door, doorX) = (r.Range(0.12f, 0.17f), r.Range(-0.3f, 0.3f) * wide);
        var doorTop = r.Range(0.26f, 0.4f);
        var side = doorX > 0 ? -1 : 1;
        var pane = r.Range(0.11f, 0.16f);
        var crest = r.Chance(0.3f) ? r.Range(0.15f, 0.4f) : 0.02f;
        List<Part> parts =
        [
            Box(0, (eaves + 0.85f) / 2, wide, (0.85f - eaves) / 2),
            Polygon([(-wide - overhang, eaves), (-crest, ridge), (crest, ridge), (wide + overhang, eaves)], Tint.Second, round: 0.03f),
            Box(doorX, (doorTop + 0.85f) / 2, door, (0.85f - doorTop) / 2, Tint.Accent, PartUse.Paint),
            Box(side * wide * 0.52f, (eaves + 0.5f) / 2 + 0.06f, pane, pane, Tint.Light, PartUse.Paint),
        ];
        if (doorX * side > -0.16f) { parts.Add(Box(-side * wide * 0.62f, (eaves + 0.5f) / 2 + 0.06f, pane * 0.9f, pane, Tint.Light, PartUse.Paint)); }
        if (r.Chance(0.4f)) { parts.Add(Circle(0, (eaves + ridge) / 2 + 0.1f, 0.11f, Tint.Light, PartUse.Paint)); }
        if (r.Chance(0.6f)) { parts.Insert(0, Box(r.Sign() * wide * 0.62f, (ridge + eaves) / 2 - 0.05f, 0.1f, 0.28f, Tint.Accent)); }
        return [.. parts];
    }

    static Part[] Key(ref CounterRandom r)
    {
        var (bow, shaft) = (r.Range(0.36f, 0.46f), r.Range(0.085f, 0.12f));
        var centre = -0.98f + bow;
        var style = r.Below(3);
        List<Part> parts = [];
        if (style == 0) { parts.Add(Circle(centre, 0, bow)); }
        else if (style == 1) { parts.Add(Box(centre, 0, bow * 0.9f, bow * 0.95f, round: 0.13f)); }
        else
        {
            parts.Add(Circle(centre - bow * 0.32f, 0, bow * 0.62f));
            parts.Add(Circle(centre + bow * 0.2f, -bow * 0.56f, bow * 0.58f));
            parts.Add(Circle(centre + bow * 0.2f, bow * 0.56f, bow * 0.58f));
        }
        parts.Add(Circle(centre, 0, bow * r.Range(0.38f, 0.55f), use: PartUse.Cut));
        parts.Add(Box((centre + bow * 0.8f + 0.97f) / 2, 0, (0.97f - centre - bow * 0.8f) / 2, shaft, round: 0.03f));
        parts.Add(Box(centre + bow + 0.05f, 0, 0.055f, shaft * 1.6f, Tint.Second, round: 0.02f));
        var bits = r.Count(2, 3);
        for (var i = 0; i < bits; i++)
        {
            var drop = r.Range(0.24f, 0.4f);
            parts.Add(Box(0.88f - i * 0.22f, drop / 2, 0.075f, drop / 2 + 0.02f));
        }
        return [.. parts];
    }

    static Part[] Mug(ref CounterRandom r)
    {
        var (top, bottom) = (r.Range(0.46f, 0.58f), r.Range(0.36f, 0.52f));
        var (tall, tilt) = (r.Range(0.6f, 0.85f), r.Range(0.05f, 0.19f));     // half the height; the rim's half height, from the viewpoint
        var left = -0.2f;
        var handle = r.Range(0.27f, 0.36f);
        List<Part> parts =
        [
            Arc(left + (top + bottom) / 2 - 0.02f, r.Range(-0.08f, 0.05f), handle, r.Range(0.085f, 0.125f), r.Chance(0.4f) ? Tint.Second : Tint.Main, turns: -0.25f),
            Polygon([(left - top, -tall), (left + top, -tall), (left + bottom, tall), (left - bottom, tall)]),
            Ellipse(left, tall, bottom, tilt),
            Ellipse(left, -tall, top, tilt),
        ];
        var decor = r.Below(3);
        if (decor == 0) { parts.Add(Box(left, r.Range(-0.2f, 0.35f), 0.8f, r.Range(0.08f, 0.18f), Tint.Accent, PartUse.Paint)); }
        if (decor == 1) { parts.Add(Circle(left + r.Range(-0.1f, 0.1f), r.Range(0.02f, 0.2f), r.Range(0.16f, 0.24f), Tint.Accent, PartUse.Paint)); }
        parts.Add(Ellipse(left, -tall, top - 0.06f, tilt * 0.72f, Tint.Dark, PartUse.Paint));
        return [.. parts];
    }

    static Part[] Mushroom(ref CounterRandom r)
    {
        var (wide, high, brim) = (r.Range(0.66f, 0.92f), r.Range(0.6f, 0.95f), r.Range(-0.05f, 0.16f));
        var (neck, foot) = (r.Range(0.17f, 0.26f), r.Range(0.22f, 0.36f));
        var droop = r.Range(0.06f, 0.16f);
        List<Part> parts =
        [
            Ellipse(0, brim, wide, high),
            Box(0, brim + 1.5f, 2, 1.5f, use: PartUse.Cut),
            Ellipse(0, brim, wide, droop),
            Ellipse(0, brim + 0.01f, wide * 0.8f, droop * 0.55f, Tint.Dark, PartUse.Paint),
            Polygon([(-neck, brim), (neck, brim), (foot, 0.86f), (-foot, 0.86f)], Tint.Light, round: 0.05f),
        ];
        if (r.Chance(0.35f)) { parts.Add(Ellipse(0, brim + 0.24f, neck * 1.5f, 0.07f, Tint.Second)); }
        var spots = r.Count(0, 5);
        for (var i = 0; i < spots; i++)
        {
            var at = (i + 0.5f) / spots * 2 - 1;
            parts.Add(Circle(at * wide * 0.72f, brim - high * (0.78f - at * at * 0.55f) * r.Range(0.5f, 0.95f), r.Range(0.09f, 0.15f), Tint.Accent, PartUse.Paint));
        }
        return [.. parts];
    }

    static Part[] Star(ref CounterRandom r)
    {
        var points = r.Chance(0.55f) ? 5 : r.Count(4, 8);
        var inner = r.Range(0.36f, 0.5f) + (points - 5) * 0.035f;
        var round = r.Range(0.01f, 0.07f);
        List<Part> parts = [Polygon(Burst(points, 0.95f - round, inner * 0.95f), round: round)];
        if (r.Chance(0.4f)) { parts.Add(Polygon(Burst(points, 0.55f, inner * 0.55f), Tint.Second, PartUse.Paint)); }
        else if (r.Chance(0.3f)) { parts.Add(Circle(0, 0, inner * 0.5f, Tint.Accent, PartUse.Paint)); }
        return [.. parts];
    }

    static Part[] Tree(ref CounterRandom r)
    {
        var (trunk, fork) = (r.Range(0.09f, 0.16f), r.Range(0.1f, 0.3f));
        List<Part> parts = [Polygon([(-trunk * 0.8f, fork - 0.3f), (trunk * 0.8f, fork - 0.3f), (trunk * 1.2f, 0.95f), (-trunk * 1.2f, 0.95f)], Tint.Second)];
        var style = r.Below(3);
        if (style == 0)
        {
            var tiers = r.Count(2, 4);
            var wide = r.Range(0.5f, 0.7f);
            var step = (fork + 0.35f + 0.95f) / (tiers + 0.6f);
            for (var i = tiers - 1; i >= 0; i--)
            {
                var half = wide * (0.55f + 0.45f * (i + 1) / tiers);
                var top = -0.95f + i * step;
                parts.Add(Polygon([(0, top), (half, top + step * 1.6f), (-half, top + step * 1.6f)], round: 0.02f));
            }
        }
        else if (style == 1)
        {
            var puffs = r.Count(4, 6);
            var (spread, centre) = (r.Range(0.34f, 0.42f), fork - 0.48f);
            parts.Add(Circle(0, centre, spread));
            var phase = r.Unit();
            for (var i = 0; i < puffs; i++)
            {
                var (x, y) = Polar(spread, phase + (float)i / puffs);
                parts.Add(Circle(x * 1.15f, centre + y * 0.95f, r.Range(0.24f, 0.36f)));
            }
            if (r.Chance(0.4f))
            {
                for (var i = 0; i < 5; i++)
                {
                    var (x, y) = Polar(spread * r.Range(0.3f, 1.1f), i * 0.2f + phase);
                    parts.Add(Circle(x, centre + y, 0.075f, Tint.Accent, PartUse.Paint));
                }
            }
        }
        else
        {
            var (wide, lean) = (r.Range(0.56f, 0.8f), r.Range(-0.14f, 0.14f));
            parts.Add(Ellipse(0, fork - 0.32f, wide, r.Range(0.26f, 0.34f)));
            parts.Add(Ellipse(lean, fork - 0.72f, wide * r.Range(0.6f, 0.75f), r.Range(0.28f, 0.36f)));
            parts.Add(Polygon([(-trunk * 0.5f, fork), (-0.26f, fork - 0.36f), (0, fork - 0.14f), (0.2f, fork - 0.42f), (trunk * 0.5f, fork)], Tint.Second, PartUse.Paint, round: 0.02f));
        }
        return [.. parts];
    }

    static Part[] Umbrella(ref CounterRandom r)
    {
        var (wide, high, brim) = (r.Range(0.85f, 0.97f), r.Range(0.62f, 0.85f), r.Range(-0.08f, 0.08f));
        var lobes = r.Count(3, 5);
        var shaft = r.Range(0.05f, 0.07f);
        var hook = r.Range(0.14f, 0.2f);
        List<Part> parts =
        [
            Box(0, brim - high, shaft * 0.8f, 0.14f, Tint.Dark),
            Ellipse(0, brim, wide, high),
            Box(0, brim + 1.5f, 2, 1.5f, use: PartUse.Cut),
        ];
        if (r.Chance(0.6f))
        {
            parts.Add(Ellipse(0, brim, wide * 0.66f, high * 0.985f, Tint.Second, PartUse.Paint));
            parts.Add(Ellipse(0, brim, wide * 0.3f, high, Tint.Main, PartUse.Paint));
        }
        var pitch = wide / lobes;
        for (var i = 0; i < lobes; i++)
        {
            parts.Add(Ellipse(-wide + pitch * (2 * i + 1), brim + 0.02f, pitch * 0.92f, r.Range(0.11f, 0.15f), use: PartUse.Cut));
        }
        parts.Add(Box(0, (brim - 0.2f + 0.78f) / 2, shaft, (0.78f - brim + 0.2f) / 2, Tint.Dark));
        parts.Add(Arc(hook, 0.76f, hook, shaft, Tint.Dark));
        return [.. parts];
    }

    static (float X, float Y) Polar(float radius, float turns) => (radius * Turn.Sin(turns), -radius * Turn.Cos(turns));

    static (float X, float Y)[] Burst(int points, float outer, float inner)
    {
        var corners = new (float, float)[points * 2];
        for (var i = 0; i < corners.Length; i++) { corners[i] = Polar(i % 2 == 0 ? outer : inner, i * 0.5f / points); }
        return corners;
    }
}
