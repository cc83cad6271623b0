namespace Diffract.Data.BuiltIn;

/// <summary>Where a shape stands in the picture: picture = centre + matrix * shape. The picture spans [-1, 1] in x and y, y down.</summary>
readonly struct Pose
{
    readonly float _xu, _xv, _yu, _yv;                       // picture from shape
    readonly float _ux, _uy, _vx, _vy;                       // shape from picture

    public float X { get; private init; }

    public float Y { get; private init; }

    /// <summary>Picture units a shape unit.</summary>
    public float Scale { get; }

    /// <param name="shear">How far the shape leans: x moves by this share of y.</param>
    /// <param name="mirror">1 or -1.</param>
    public Pose(float x, float y, float scale, float turns, float shear, float mirror)
    {
        (X, Y, Scale) = (x, y, scale);
        var (cos, sin) = (Turn.Cos(turns) * scale, Turn.Sin(turns) * scale);
        (_xu, _xv) = (cos * mirror, cos * shear - sin);
        (_yu, _yv) = (sin * mirror, sin * shear + cos);
        var one = 1f / (_xu * _yv - _xv * _yu);
        (_ux, _uy, _vx, _vy) = (_yv * one, -_xv * one, -_yu * one, _xu * one);
    }

    public Pose MovedTo(float x, float y) => this with { X = x, Y = y };

    public (float U, float V) ToShape(float x, float y) => (_ux * (x - X) + _uy * (y - Y), _vx * (x - X) + _vy * (y - Y));

    public (float X, float Y) ToPicture(float u, float v) => (X + _xu * u + _xv * v, Y + _yu * u + _yv * v);

    /// <summary>Half width and half height in the picture of a circle of that radius about the shape's origin.</summary>
    public (float X, float Y) Extent(float radius) => (radius * MathF.Sqrt(_xu * _xu + _xv * _xv), radius * MathF.Sqrt(_yu * _yu + _yv * _yv));
}

/// <summary>A shape with its pose and surface: an object of a class, or a thing of none (label -1).</summary>
sealed record Item(Part[] Parts, Pose Pose, Surface Surface, int Label = -1)
{
    /// <summary>Radius, in shape units, of a circle that holds the shape.</summary>
    public float Reach { get; } = SampledShape.ReachOf(Parts);

    public bool Covers(float x, float y)
    {
        var (u, v) = Pose.ToShape(x, y);
        return u * u + v * v < Reach * Reach && SampledShape.Distance(Parts, u, v) < 0;
    }
}

/// <summary>A shape with the points of a regular grid that lie on it: its area, and how much of it anything hides.</summary>
sealed class SampledShape
{
    const float Half = 1.05f;                                // the grid spans [-Half, Half]^2 in shape units
    readonly List<(float U, float V)> _points = [];
    readonly float _area;

    public Part[] Parts { get; }

    public SampledShape(Part[] parts, int grid)
    {
        Parts = parts;
        var step = 2 * Half / grid;
        for (var i = 0; i < grid * grid; i++)
        {
            var (u, v) = (-Half + (i % grid + 0.5f) * step, -Half + (i / grid + 0.5f) * step);
            if (Distance(parts, u, v) < 0) { _points.Add((u, v)); }
        }
        _area = _points.Count * step * step;
    }

    /// <summary>The share of the picture that the shape fills.</summary>
    public float Share(in Pose pose) => _area * pose.Scale * pose.Scale / 4;

    /// <summary>The scale at which it fills that share of the picture.</summary>
    public float ScaleFor(float share) => MathF.Sqrt(4 * share / _area);

    /// <summary>The share of the shape at whose points, in the picture, a condition holds.</summary>
    public float Hidden(in Pose pose, Func<float, float, bool> condition)
    {
        var count = 0;
        foreach (var (u, v) in _points)
        {
            var (x, y) = pose.ToPicture(u, v);
            if (condition(x, y)) { count++; }
        }
        return (float)count / _points.Count;
    }

    public static float ReachOf(Part[] parts)
    {
        var reach = 0f;
        foreach (var part in parts)
        {
            if (part.Use == PartUse.Add) { reach = MathF.Max(reach, part.Reach); }
        }
        return reach;
    }

    /// <summary>Signed distance to the outline of the parts as a whole, negative inside.</summary>
    public static float Distance(Part[] parts, float u, float v)
    {
        var distance = 1e6f;
        foreach (var part in parts)
        {
            if (part.Use == PartUse.Add) { distance = MathF.Min(distance, part.Distance(u, v)); }
            else if (part.Use == PartUse.Cut) { distance = MathF.Max(distance, -part.Distance(u, v)); }
        }
        return distance;
    }
}
