namespace Diffract.Data;

/// <summary>A rectangle of whole pixels: x0 &lt;= x &lt; x1, y0 &lt;= y &lt; y1, from the top left corner.</summary>
public readonly record struct PixelBox(int X0, int Y0, int X1, int Y1)
{
    public int Width => X1 - X0;

    public int Height => Y1 - Y0;
}

/// <summary>One object of a scene.</summary>
/// <param name="Class">0 ... ClassCount - 1, an index into <see cref="BuiltInPictures.ClassNames"/>.</param>
/// <param name="Box">The smallest rectangle about the object's visible pixels; empty (all 0) where none is visible at this size.</param>
public sealed record SceneObject(int Class, PixelBox Box);

/// <summary>A rendered picture with what is in it.</summary>
public sealed class Scene
{
    /// <summary>Pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels.</summary>
    public required int Height { get; init; }

    /// <summary>(H, W, 3), rows from the top, sRGB.</summary>
    public required byte[] Rgb { get; init; }

    /// <summary>The main object's class, which is the picture's label.</summary>
    public required int Class { get; init; }

    /// <summary>The main object first, then up to two smaller ones of other classes; things that belong to no class are not among them.</summary>
    public required IReadOnlyList<SceneObject> Objects { get; init; }

    /// <summary>(H, W): 0 where no object is in front, k + 1 where Objects[k] is.</summary>
    public required byte[] Instances { get; init; }
}
