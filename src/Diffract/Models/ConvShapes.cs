namespace Diffract.Models;

/// <summary>A convolution as benchmarks know it. Linear layers over a map's pixels are convolutions of kernel 1.</summary>
/// <param name="Side">Of the square map that it reads, in pixels.</param>
public sealed record ConvShape(int In, int Side, int Out, int Kernel, int Stride);

/// <summary>The convolutions of a U-Net, from its layout alone.</summary>
public static class ConvShapes
{
    /// <summary>Those of the blocks 1 to <paramref name="last"/> for a square picture, each as often as it occurs.</summary>
    /// <param name="side">Of the picture, in pixels.</param>
    public static IEnumerable<ConvShape> Of(UNetLayout layout, int last, int side) => layout.Blocks.Take(last).SelectMany(block =>
    {
        var map = side / block.InStride;                                                   // as it is when the layer begins
        return block.Layers.SelectMany(layer =>
        {
            ConvShape[] here = [.. Of(layer, map, side / block.OutStride)];
            map = layer is UNetLayer.Residual { Resampling: not Resampling.None } or UNetLayer.Downsample or UNetLayer.Upsample ? side / block.OutStride : map;
            return here;
        });
    });

    static IEnumerable<ConvShape> Of(UNetLayer layer, int map, int after) => layer switch
    {
        UNetLayer.Conv c => [new(c.In, map, c.Out, 3, 1)],
        UNetLayer.Residual r =>
        [
            new(r.In, r.Resampling == Resampling.None ? map : after, r.Out, 3, 1), new(r.Out, r.Resampling == Resampling.None ? map : after, r.Out, 3, 1),
            .. r.In == r.Out ? (ConvShape[])[] : [new(r.In, r.Resampling == Resampling.None ? map : after, r.Out, 1, 1)],
        ],
        UNetLayer.Attention a => [new(a.Channels, map, 3 * a.Channels, 1, 1), new(a.Channels, map, a.Channels, 1, 1)],
        UNetLayer.Downsample d => [new(d.Channels, map, d.Channels, 3, 2)],
        UNetLayer.Upsample u => [new(u.Channels, after, u.Channels, 3, 1)],
        _ => [],
    };
}
