using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>One item rasterised over its own rectangle of the picture, with a rim of two pixels about it.</summary>
sealed class Patch
{
    readonly Surface _surface;
    readonly Vector2 _light;
    readonly int _width, _height, _x, _y;                    // the rectangle with its rim; its corner may lie outside the picture
    readonly float _scale, _pixel;
    readonly Vector4[] _colour;                              // multiplied by its alpha
    readonly float[] _distance;                              // to the outline, in shape units

    public int Top { get; }

    public int Left { get; }

    public int Bottom { get; }

    public int Right { get; }

    public bool IsEmpty => _width == 0;

    public Patch(Item item, Camera camera, int size)
    {
        (_surface, _light, _scale, _pixel) = (item.Surface, camera.Light, item.Pose.Scale, 2f / size);
        var (x, y) = item.Pose.Extent(item.Reach);
        Left = Pixel(item.Pose.X - x, 0);
        Right = Pixel(item.Pose.X + x, 2);
        Top = Pixel(item.Pose.Y - y, 0);
        Bottom = Pixel(item.Pose.Y + y, 2);
        if (Left >= Right || Top >= Bottom) { (_colour, _distance) = ([], []); return; }
        (_x, _y, _width, _height) = (Left - 2, Top - 2, Right - Left + 4, Bottom - Top + 4);
        _colour = new Vector4[_width * _height];
        _distance = new float[_width * _height];
        Rasterise(item);

        int Pixel(float at, int beyond) => Math.Clamp((int)MathF.Floor((at + 1) / _pixel) - 1 + beyond, 0, size);
    }

    void Rasterise(Item item)
    {
        var (parts, pixelsPerUnit) = (item.Parts, _scale / _pixel);
        for (var i = 0; i < _height; i++)
        {
            for (var j = 0; j < _width; j++)
            {
                var (u, v) = item.Pose.ToShape((_x + j + 0.5f) * _pixel - 1, (_y + i + 0.5f) * _pixel - 1);
                var outline = 1e6f;
                var colour = Vector4.Zero;
                foreach (var part in parts)
                {
                    var distance = part.Distance(u, v);
                    var cover = Cover(distance * pixelsPerUnit);
                    if (part.Use == PartUse.Cut)
                    {
                        outline = MathF.Max(outline, -distance);
                        colour *= 1 - cover;
                        continue;
                    }
                    if (part.Use == PartUse.Add) { outline = MathF.Min(outline, distance); }
                    if (cover <= 0 || part.Use == PartUse.Paint && colour.W <= 0) { continue; }
                    var tint = TintAt(part.Tint, u, v);
                    if (part.Use == PartUse.Add)
                    {
                        tint *= 1 - 0.75f * Line(distance, pixelsPerUnit);
                        colour = colour * (1 - cover) + new Vector4(tint, 1) * cover;
                    }
                    else
                    {
                        colour = colour * (1 - cover) + new Vector4(tint, 1) * (cover * colour.W);
                    }
                }
                _colour[i * _width + j] = colour;
                _distance[i * _width + j] = outline;
            }
        }
    }

    Vector3 TintAt(Tint tint, float u, float v) => tint == Tint.Main
        ? Palette.Mix(_surface.Tints[0], _surface.Pattern, _surface.Texture.Share(u, v, _pixel / _scale))
        : _surface.Tints[(int)tint];

    float Line(float distance, float pixelsPerUnit) => _surface.Line == 0 ? 0 : Cover((-distance - _surface.Line) * pixelsPerUnit);

    /// <summary>The share of a pixel that lies inside an edge this many pixels away (negative inside).</summary>
    static float Cover(float pixels) => pixels <= -0.5f ? 1 : pixels >= 0.5f ? 0 : 0.5f - pixels;

    int At(int i, int j) => (i - _y) * _width + j - _x;

    public float Alpha(int i, int j) => _colour[At(i, j)].W;

    /// <summary>The pixel's colour times its alpha, lit as if the rim were rounded.</summary>
    public Vector3 Shaded(int i, int j)
    {
        var at = At(i, j);
        var c = _colour[at];
        var colour = new Vector3(c.X, c.Y, c.Z);
        var flat = -_distance[at] / _surface.Rim;
        if (_surface.Relief == 0 || flat >= 1) { return colour; }
        var (gx, gy) = (_distance[at + 1] - _distance[at - 1], _distance[at + _width] - _distance[at - _width]);
        var steepest = 2 * _pixel / _scale;                  // what a step of two pixels straight across the edge changes
        var facing = (gx * _light.X + gy * _light.Y) / steepest;
        var shade = MathF.Min(MathF.Max(facing, -1), 1) * (1 - MathF.Max(flat, 0)) * _surface.Relief;
        return shade < 0 ? colour * (1 + 0.6f * shade) : colour * (1 - 0.45f * shade) + new Vector3(c.W) * (0.45f * shade);
    }

    /// <summary>Distance to the outline in picture units at a point between pixels; from outside the rectangle, at least that to its rim.</summary>
    public float DistanceAt(float i, float j)
    {
        var (y, x) = (i - _y, j - _x);
        var (cy, cx) = (MathF.Min(MathF.Max(y, 0), _height - 1.001f), MathF.Min(MathF.Max(x, 0), _width - 1.001f));
        var (row, column) = ((int)cy, (int)cx);
        var (s, t) = (cx - column, cy - row);
        var at = row * _width + column;
        var top = _distance[at] * (1 - s) + _distance[at + 1] * s;
        var bottom = _distance[at + _width] * (1 - s) + _distance[at + _width + 1] * s;
        return (top * (1 - t) + bottom * t) * _scale + MathF.Max(MathF.Abs(y - cy), MathF.Abs(x - cx)) * _pixel;
    }
}
