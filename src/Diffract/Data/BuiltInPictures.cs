using Diffract.Data.BuiltIn;

namespace Diffract.Data;

/// <summary>
/// Pictures that the program draws itself: one main object of ten classes, of varied form, colour, pattern, size, turn and light, before a
/// varied background, often with smaller objects of other classes and partly hidden. A picture is a pure function of (seed, index, size), the
/// same bytes on every machine; at another size it is the same scene.
/// </summary>
/// <remarks>Safe to use from several threads at once.</remarks>
public sealed class BuiltInPictures(ulong seed)
{
    public const int ClassCount = Shapes.Count;

    /// <summary>Smallest and largest side in pixels.</summary>
    public const int SmallestSize = 8, LargestSize = 4096;

    public static IReadOnlyList<string> ClassNames { get; } = ["car", "fish", "gear", "house", "key", "mug", "mushroom", "star", "tree", "umbrella"];

    public ulong Seed { get; } = seed;

    /// <summary>The label of picture index, without drawing it. Pictures 10 n ... 10 n + 9 hold each class once.</summary>
    public int ClassOf(long index) => Layout.ClassOf(Seed, index);

    /// <summary>The picture with its objects, boxes and masks.</summary>
    /// <param name="size">Width and height in pixels.</param>
    /// <exception cref="ArgumentOutOfRangeException">size is not 8 ... 4096.</exception>
    public Scene Render(long index, int size)
    {
        CheckSize(size);
        var layout = new Layout(Seed, index);
        var rgb = new byte[size * size * 3];
        var instances = new byte[size * size];
        var labels = Draw(layout, size, rgb, instances);
        var boxes = Boxes(instances, size, labels.Count);
        return new Scene
        {
            Width = size, Height = size, Rgb = rgb, Class = layout.Label, Instances = instances,
            Objects = [.. labels.Select((label, k) => new SceneObject(label, boxes[k]))],
        };
    }

    /// <summary>The picture's pixels alone, the same as <see cref="Render"/> gives.</summary>
    /// <param name="rgb">Receives (size, size, 3), rows from the top, sRGB.</param>
    /// <returns>The picture's label.</returns>
    /// <exception cref="ArgumentOutOfRangeException">size is not 8 ... 4096.</exception>
    /// <exception cref="ArgumentException">rgb is not size * size * 3 bytes long.</exception>
    public int RenderRgb(long index, int size, Span<byte> rgb)
    {
        CheckSize(size);
        if (rgb.Length != size * size * 3)
        {
            throw new ArgumentException($"the buffer has {rgb.Length} bytes, a picture of {size}x{size} needs {size * size * 3}", nameof(rgb));
        }
        var layout = new Layout(Seed, index);
        Draw(layout, size, rgb, []);
        return layout.Label;
    }

    static void CheckSize(int size)
    {
        if (size is < SmallestSize or > LargestSize)
        {
            throw new ArgumentOutOfRangeException(nameof(size), size, $"a picture's side is {SmallestSize} to {LargestSize} pixels");
        }
    }

    /// <summary>Paints back to front; the main object, drawn last of those with a label, is number 1.</summary>
    /// <returns>The labels in the order of their numbers.</returns>
    static List<int> Draw(Layout layout, int size, Span<byte> rgb, Span<byte> instances)
    {
        var canvas = new Canvas(size);
        canvas.Paint(layout.Ground);
        var labels = new List<int> { layout.Label };
        foreach (var item in layout.Items)
        {
            var id = ReferenceEquals(item, layout.Main) ? 1 : item.Label < 0 ? 0 : labels.Count + 1;
            if (id > 1) { labels.Add(item.Label); }
            canvas.Paint(item, layout.Camera, (byte)id, instances);
        }
        canvas.Develop(layout.Camera, rgb);
        return labels;
    }

    static PixelBox[] Boxes(byte[] instances, int size, int count)
    {
        var boxes = new PixelBox[count];
        for (var i = 0; i < instances.Length; i++)
        {
            if (instances[i] == 0) { continue; }
            ref var box = ref boxes[instances[i] - 1];
            var (x, y) = (i % size, i / size);
            box = box.X1 == 0 ? new(x, y, x + 1, y + 1) : new(Math.Min(box.X0, x), box.Y0, Math.Max(box.X1, x + 1), y + 1);
        }
        return boxes;
    }
}
