namespace Diffract.Data.BuiltIn;

/// <summary>Where things go, so that the main object stays the one that a viewer would name.</summary>
static class Placement
{
    const float LeastShare = 0.12f;                          // of the picture, that the main object would fill if nothing hid it
    const float MostOutside = 0.06f;                         // share of the main object beyond the picture's edge
    const float MostHidden = 0.3f;                           // share of the main object behind an occluder
    const float LeastShown = 0.015f;                         // of the picture, that must show of a lesser object

    public static Pose Main(int label, SampledShape shape, ref CounterRandom r)
    {
        var scale = MathF.Max(r.Range(0.5f, 0.86f), shape.ScaleFor(LeastShare));
        var swing = Shapes.Swing(label);
        var slack = 0.5f * (1.1f - scale * 0.8f);
        var pose = new Pose(r.Range(-slack, slack), r.Range(-slack, slack), scale, r.Range(-swing, swing), r.Range(-0.2f, 0.2f), r.Sign());
        for (var tries = 0; tries < 6 && shape.Hidden(pose, IsOutside) > MostOutside; tries++)
        {
            pose = pose.MovedTo(pose.X * 0.7f, pose.Y * 0.7f);
        }
        return pose;
    }

    /// <summary>Near an edge of the picture, under half as large as the main object.</summary>
    public static Pose Lesser(int label, SampledShape shape, in Pose main, float mainShare, ref CounterRandom r)
    {
        var scale = MathF.Min(shape.ScaleFor(r.Range(0.02f, 0.06f)), shape.ScaleFor(mainShare * 0.45f));
        var swing = Shapes.Swing(label);
        var (x, y) = (r.Sign() * r.Range(0.45f, 1f), r.Range(-1, 1));
        if (r.Chance(0.5f)) { (x, y) = (y, x); }
        if (x * main.X > 0 && r.Chance(0.7f)) { x = -x; }
        if (y * main.Y > 0 && r.Chance(0.7f)) { y = -y; }
        return new(x, y, scale, r.Range(-swing, swing), r.Range(-0.2f, 0.2f), r.Sign());
    }

    /// <summary>A bar, a blob or a slab in front of the main object; null where none of a few tries hides a fair part of it.</summary>
    public static Item? Occluder(Item main, SampledShape shape, Surface surface, ref CounterRandom r)
    {
        for (var tries = 0; tries < 4; tries++)
        {
            var (turns, scale) = (r.Unit(), main.Pose.Scale);
            var away = scale * r.Range(0.3f, 0.9f);
            var (x, y) = (main.Pose.X + away * Turn.Cos(turns), main.Pose.Y + away * Turn.Sin(turns));
            var (part, size) = r.Below(3) switch
            {
                0 => (Part.Box(0, 0, 3, scale * r.Range(0.08f, 0.16f)), 1f),
                1 => (Part.Ellipse(0, 0, 1, r.Range(0.6f, 1f)), scale * r.Range(0.3f, 0.6f)),
                _ => (Part.Box(0.9f, 0, 1, 1, round: 0.15f), scale * r.Range(0.7f, 1.2f)),
            };
            var item = new Item([part], new(x, y, size, turns, 0, 1), surface);
            if (shape.Hidden(main.Pose, item.Covers) is > 0.05f and < MostHidden) { return item; }
        }
        return null;
    }

    public static bool Shows(SampledShape shape, in Pose pose, List<Item> infront) =>
        shape.Share(pose) * (1 - shape.Hidden(pose, (x, y) => IsOutside(x, y) || infront.Exists(item => item.Covers(x, y)))) > LeastShown;

    static bool IsOutside(float x, float y) => MathF.Abs(x) > 1 || MathF.Abs(y) > 1;
}
