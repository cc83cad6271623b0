using System.Numerics;

namespace Diffract.Data.BuiltIn;

/// <summary>A picture being painted: linear passes over float pixels, from back to front.</summary>
sealed class Canvas
{
    readonly int _size;
    readonly float _pixel;                                   // a pixel's width in picture units
    readonly Vector3[] _colour;

    public Canvas(int size)
    {
        (_size, _pixel) = (size, 2f / size);
        _colour = new Vector3[size * size];
    }

    float Centre(int pixel) => (pixel + 0.5f) * _pixel - 1;

    public void Paint(Ground ground)
    {
        for (var i = 0; i < _size; i++)
        {
            for (var j = 0; j < _size; j++)
            {
                _colour[i * _size + j] = Palette.Mix(ground.Near, ground.Far, ground.Texture.Share(Centre(j), Centre(i), _pixel));
            }
        }
    }

    /// <param name="id">What the instance map shall hold where the item is in front.</param>
    /// <param name="instances">The instance map, or empty where nobody wants it.</param>
    public void Paint(Item item, Camera camera, byte id, Span<byte> instances)
    {
        var patch = new Patch(item, camera, _size);
        if (patch.IsEmpty) { return; }
        if (item.Surface.Shadow > 0) { PaintShadow(patch, item.Surface.Shadow, camera); }
        for (var i = patch.Top; i < patch.Bottom; i++)
        {
            for (var j = patch.Left; j < patch.Right; j++)
            {
                var alpha = patch.Alpha(i, j);
                if (alpha <= 0) { continue; }
                var at = i * _size + j;
                _colour[at] = _colour[at] * (1 - alpha * item.Surface.Opacity) + patch.Shaded(i, j) * item.Surface.Opacity;
                if (!instances.IsEmpty && alpha >= 0.5f) { instances[at] = id; }
            }
        }
    }

    void PaintShadow(Patch patch, float strength, Camera camera)
    {
        var (dx, dy) = (camera.Light.X * camera.ShadowReach / _pixel, camera.Light.Y * camera.ShadowReach / _pixel);
        var (x, y) = (MathF.Abs(dx), MathF.Abs(dy));
        var (top, bottom) = (Math.Max(0, patch.Top - (int)y - 1), Math.Min(_size, patch.Bottom + (int)y + 2));
        var (left, right) = (Math.Max(0, patch.Left - (int)x - 1), Math.Min(_size, patch.Right + (int)x + 2));
        for (var i = top; i < bottom; i++)
        {
            for (var j = left; j < right; j++)
            {
                var distance = patch.DistanceAt(i + dy, j + dx);
                var share = 0.5f - distance / MathF.Max(camera.ShadowBlur, _pixel);
                if (share <= 0) { continue; }
                _colour[i * _size + j] *= 1 - strength * MathF.Min(share, 1);
            }
        }
    }

    /// <summary>Develops the painted colours into bytes, height x width x 3.</summary>
    public void Develop(Camera camera, Span<byte> rgb)
    {
        var colour = camera.Blur > 0 ? Lens.Blur(_colour, _size, camera.Blur / _pixel) : _colour;
        for (var i = 0; i < _size; i++)
        {
            for (var j = 0; j < _size; j++)
            {
                var at = i * _size + j;
                var lit = colour[at] * (1 + camera.Slope * (Centre(j) * camera.Light.X + Centre(i) * camera.Light.Y));
                var grey = 0.3f * lit.X + 0.59f * lit.Y + 0.11f * lit.Z;
                var c = (new Vector3(grey) * (1 - camera.Saturation) + lit * camera.Saturation - new Vector3(0.5f)) * camera.Contrast + new Vector3(0.5f + camera.Brightness);
                c += Lens.Noise(camera.NoiseKey, at) * camera.Noise;
                rgb[at * 3] = ToByte(c.X);
                rgb[at * 3 + 1] = ToByte(c.Y);
                rgb[at * 3 + 2] = ToByte(c.Z);
            }
        }
    }

    static byte ToByte(float value) => (byte)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
}
