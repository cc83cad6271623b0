namespace Diffract.Data.BuiltIn;

/// <summary>What a picture shows, before there are pixels: drawn from (seed, index), the same at every size.</summary>
sealed class Layout
{
    enum Purpose : ulong { Class = 1, Shape, Place, Colour, Background, Cover, Lesser, Camera }

    readonly ulong _seed, _index;

    public int Label { get; }

    public Ground Ground { get; }

    /// <summary>Everything before the ground, from back to front; the main object is the last that has a label.</summary>
    public List<Item> Items { get; } = [];

    public Item Main { get; }

    public Camera Camera { get; }

    public Layout(ulong seed, long index)
    {
        (_seed, _index) = (seed, unchecked((ulong)index));
        Label = ClassOf(seed, index);

        var colour = Stream(Purpose.Colour);
        var palette = new Palette(ref colour);
        var background = Stream(Purpose.Background);
        Ground = Ground.Draw(palette, ref background);
        Items.AddRange(Ground.Clutter(palette, ref background));

        var (shape, place) = (Stream(Purpose.Shape), Stream(Purpose.Place));
        var sampled = new SampledShape(Shapes.Draw(Label, ref shape), 24);
        Main = new Item(sampled.Parts, Placement.Main(Label, sampled, ref place), Surface.Draw(palette, Ground, 0.3f, ref colour), Label);

        var cover = Stream(Purpose.Cover);
        var occluder = cover.Chance(0.4f) ? Placement.Occluder(Main, sampled, Surface.Draw(palette, Ground, 0.15f, ref cover), ref cover) : null;
        AddLesser(sampled.Share(Main.Pose), occluder, palette);
        Items.Add(Main);
        if (occluder is not null) { Items.Add(occluder); }

        var camera = Stream(Purpose.Camera);
        Camera = Camera.Draw(ref camera);
    }

    /// <summary>Each ten pictures in a row hold each class once, in an order of their own.</summary>
    public static int ClassOf(ulong seed, long index)
    {
        var (block, within) = Math.DivRem(index, Shapes.Count);
        if (within < 0) { (block, within) = (block - 1, within + Shapes.Count); }
        Span<int> order = stackalloc int[Shapes.Count];
        for (var i = 0; i < order.Length; i++) { order[i] = i; }
        new CounterRandom(CounterRandom.Key(seed, unchecked((ulong)block), (ulong)Purpose.Class)).Shuffle(order);
        return order[(int)within];
    }

    CounterRandom Stream(Purpose purpose) => new(CounterRandom.Key(_seed, _index, (ulong)purpose));

    /// <summary>Up to two objects of other classes behind the main one, kept only if something of them shows.</summary>
    void AddLesser(float mainShare, Item? occluder, in Palette palette)
    {
        var r = Stream(Purpose.Lesser);
        var count = r.Chance(0.5f) ? 0 : r.Count(1, 2);
        for (var i = 0; i < count; i++)
        {
            var label = (Label + r.Count(1, Shapes.Count - 1)) % Shapes.Count;
            var sampled = new SampledShape(Shapes.Draw(label, ref r), 16);
            var pose = Placement.Lesser(label, sampled, Main.Pose, mainShare, ref r);
            List<Item> infront = occluder is null ? [Main] : [Main, occluder];
            infront.AddRange(Items.Where(item => item.Label >= 0));
            if (!Placement.Shows(sampled, pose, infront)) { continue; }
            Items.Add(new(sampled.Parts, pose, Surface.Draw(palette, Ground, 0.2f, ref r), label));
        }
    }
}
