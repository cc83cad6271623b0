namespace Diffract.Data.BuiltIn;

enum PartKind { Ellipse, Box, Arc, Polygon }

/// <summary>What a part does to the shape drawn so far: it joins it, takes away from it, or colours what is already there.</summary>
enum PartUse { Add, Cut, Paint }

/// <summary>Which of an object's colours a part has.</summary>
enum Tint { Main, Second, Accent, Dark, Light }

/// <summary>One primitive of a shape, as a signed distance (negative inside) in the shape's own units.</summary>
sealed class Part
{
    readonly PartKind _kind;
    readonly float _x, _y, _cos, _sin, _a, _b, _round;
    readonly float[] _edges = [];                            // a polygon's edges, six numbers each: start, direction, 1 / length^2, dx / dy

    public PartUse Use { get; }

    public Tint Tint { get; }

    /// <summary>Radius of a circle about the shape's origin that holds the part.</summary>
    public float Reach { get; }

    Part(PartKind kind, PartUse use, Tint tint, float x, float y, float a, float b, float turns, float round)
    {
        (_kind, Use, Tint, _x, _y, _a, _b, _round) = (kind, use, tint, x, y, a, b, round);
        (_cos, _sin) = (Turn.Cos(turns), Turn.Sin(turns));
        Reach = MathF.Sqrt(x * x + y * y) + kind switch
        {
            PartKind.Ellipse => MathF.Max(a, b),
            PartKind.Arc => a + b,
            _ => MathF.Sqrt(a * a + b * b) + round,
        };
    }

    Part(PartUse use, Tint tint, ReadOnlySpan<(float X, float Y)> points, float round)
    {
        (_kind, Use, Tint, _round, _cos) = (PartKind.Polygon, use, tint, round, 1);
        _edges = new float[points.Length * 6];
        var reach = 0f;
        for (var i = 0; i < points.Length; i++)
        {
            var (ax, ay) = points[i];
            var (bx, by) = points[(i + 1) % points.Length];
            var (ex, ey) = (bx - ax, by - ay);
            var edge = _edges.AsSpan(i * 6, 6);
            (edge[0], edge[1], edge[2], edge[3]) = (ax, ay, ex, ey);
            edge[4] = 1f / (ex * ex + ey * ey);
            edge[5] = ey == 0 ? 0 : ex / ey;
            reach = MathF.Max(reach, ax * ax + ay * ay);
        }
        Reach = MathF.Sqrt(reach) + round;
    }

    public static Part Circle(float x, float y, float radius, Tint tint = Tint.Main, PartUse use = PartUse.Add) =>
        new(PartKind.Ellipse, use, tint, x, y, radius, radius, 0, 0);

    public static Part Ellipse(float x, float y, float a, float b, Tint tint = Tint.Main, PartUse use = PartUse.Add, float turns = 0) =>
        new(PartKind.Ellipse, use, tint, x, y, a, b, turns, 0);

    /// <summary>A rectangle of half width a and half height b, its corners rounded within that.</summary>
    public static Part Box(float x, float y, float a, float b, Tint tint = Tint.Main, PartUse use = PartUse.Add, float turns = 0, float round = 0) =>
        new(PartKind.Box, use, tint, x, y, a - round, b - round, turns, round);

    /// <summary>Half a ring of the given radius and half thickness, open towards -y before it is turned.</summary>
    public static Part Arc(float x, float y, float radius, float thickness, Tint tint = Tint.Main, PartUse use = PartUse.Add, float turns = 0) =>
        new(PartKind.Arc, use, tint, x, y, radius, thickness, turns, 0);

    /// <summary>A polygon, grown by round on all sides.</summary>
    public static Part Polygon(ReadOnlySpan<(float X, float Y)> points, Tint tint = Tint.Main, PartUse use = PartUse.Add, float round = 0) =>
        new(use, tint, points, round);

    public float Distance(float x, float y)
    {
        if (_kind == PartKind.Polygon) { return PolygonDistance(x, y); }
        var (dx, dy) = (x - _x, y - _y);
        (x, y) = (_cos * dx + _sin * dy, _cos * dy - _sin * dx);
        return _kind switch
        {
            PartKind.Ellipse => EllipseDistance(x, y),
            PartKind.Arc => ArcDistance(x, y),
            _ => BoxDistance(MathF.Abs(x) - _a, MathF.Abs(y) - _b),
        };
    }

    float BoxDistance(float dx, float dy)
    {
        if (dx <= 0 || dy <= 0) { return MathF.Max(dx, dy) - _round; }
        return MathF.Sqrt(dx * dx + dy * dy) - _round;
    }

    /// <summary>The level of the ellipse's equation over the length of its gradient: exact for a circle and near the rim.</summary>
    float EllipseDistance(float x, float y)
    {
        if (_a == _b) { return MathF.Sqrt(x * x + y * y) - _a; }
        var (px, py) = (x / _a, y / _b);
        var level = MathF.Sqrt(px * px + py * py);
        var (gx, gy) = (px / _a, py / _b);
        var slope = MathF.Sqrt(gx * gx + gy * gy);
        return slope < 1e-6f ? -MathF.Min(_a, _b) : level * (level - 1) / slope;
    }

    float ArcDistance(float x, float y)
    {
        if (y >= 0) { return MathF.Abs(MathF.Sqrt(x * x + y * y) - _a) - _b; }
        var toEnd = MathF.Abs(x) - _a;
        return MathF.Sqrt(toEnd * toEnd + y * y) - _b;
    }

    float PolygonDistance(float x, float y)
    {
        var edges = _edges;
        var nearest = float.MaxValue;
        var inside = false;
        for (var i = 0; i + 5 < edges.Length; i += 6)
        {
            var (dx, dy) = (x - edges[i], y - edges[i + 1]);
            var (ex, ey) = (edges[i + 2], edges[i + 3]);
            if ((dy < 0) != (dy < ey) && dx < dy * edges[i + 5]) { inside = !inside; }
            var along = (dx * ex + dy * ey) * edges[i + 4];
            along = along < 0 ? 0 : along > 1 ? 1 : along;
            dx -= ex * along;
            dy -= ey * along;
            var squared = dx * dx + dy * dy;
            if (squared < nearest) { nearest = squared; }
        }
        var distance = MathF.Sqrt(nearest);
        return (inside ? -distance : distance) - _round;
    }
}
