
namespace Diffract.Models;

/// <summary>Names and shapes of a U-Net's parameters, and the work its blocks do, from the configuration alone.</summary>
public static class UNetShapes
{
    /// <summary>Every parameter of the net, in the checkpoint's order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Parameters(UNetLayout layout)
    {
        var config = layout.Config;
        var e = config.TimeEmbeddingWidth;
        foreach (var pair in Dense("time_embed.0", config.ModelChannels, e).Concat(Dense("time_embed.2", e, e)))
        {
            yield return pair;
        }
        if (config.Classes is { } classes)
        {
            yield return ("label_emb.weight", [classes, e]);
        }
        foreach (var block in layout.Blocks)
        {
            foreach (var pair in Block(block, config))
            {
                yield return pair;
            }
        }
        foreach (var pair in Norm("out.0", config.Width(0)).Concat(Conv("out.2", config.Width(0), config.OutChannels, 3)))
        {
            yield return pair;
        }
    }

    /// <summary>Every parameter of one block.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Block(UNetBlock block, UNetConfig config) =>
        block.Layers.SelectMany((layer, i) => Layer($"{block.Module}.{i}", layer, config));

    /// <summary>Values in a block's parameters.</summary>
    public static long ParameterCount(UNetBlock block, UNetConfig config) => Block(block, config).Sum(p => Product(p.Shape));

    /// <summary>Values in all parameters of the net.</summary>
    public static long ParameterCount(UNetConfig config) => Parameters(new UNetLayout(config)).Sum(p => Product(p.Shape));

    /// <summary>Values in the parameters that a pass to one block uses: those of the blocks and of the embeddings.</summary>
    public static long ParameterCount(UNetLayout layout, int last) => Parameters(layout).Where(p => layout.BlockOf(p.Name) <= last).Sum(p => Product(p.Shape));

    /// <summary>Multiply-adds of convolutions, attention and the embedding's projections for one picture of height x width pixels.</summary>
    public static long MultiplyAdds(UNetBlock block, UNetConfig config, int height, int width)
    {
        long inPixels = (long)(height / block.InStride) * (width / block.InStride), outPixels = (long)(height / block.OutStride) * (width / block.OutStride);
        return block.Layers.Sum(layer => layer switch
        {
            UNetLayer.Conv c => inPixels * 9 * c.In * c.Out,
            UNetLayer.Residual r => ResidualWork(r, config, r.Resampling == Resampling.None ? inPixels : outPixels),
            UNetLayer.Attention a => inPixels * 4 * a.Channels * a.Channels + 2 * inPixels * inPixels * a.Channels,
            UNetLayer.Downsample d => outPixels * 9 * d.Channels * d.Channels,
            UNetLayer.Upsample u => outPixels * 9 * u.Channels * u.Channels,
            _ => 0L,
        });
    }

    /// <summary>Multiply-adds of the output convolution, which belongs to no block.</summary>
    public static long OutputMultiplyAdds(UNetConfig config, int height, int width) => (long)height * width * 9 * config.Width(0) * config.OutChannels;

    static long ResidualWork(UNetLayer.Residual r, UNetConfig config, long pixels) =>
        pixels * (9L * r.In * r.Out + 9L * r.Out * r.Out + (r.In == r.Out ? 0 : (long)r.In * r.Out)) + (long)config.TimeEmbeddingWidth * r.Out * (config.ScaleShiftNorm ? 2 : 1);

    static IEnumerable<(string, long[])> Layer(string at, UNetLayer layer, UNetConfig config) => layer switch
    {
        UNetLayer.Conv c => Conv(at, c.In, c.Out, 3),
        UNetLayer.Residual r =>
        [
            .. Norm($"{at}.in_layers.0", r.In), .. Conv($"{at}.in_layers.2", r.In, r.Out, 3),
            .. Dense($"{at}.emb_layers.1", config.TimeEmbeddingWidth, config.ScaleShiftNorm ? 2 * r.Out : r.Out),
            .. Norm($"{at}.out_layers.0", r.Out), .. Conv($"{at}.out_layers.3", r.Out, r.Out, 3),
            .. r.In == r.Out ? [] : Conv($"{at}.skip_connection", r.In, r.Out, 1),
        ],
        UNetLayer.Attention a =>
        [
            .. Norm($"{at}.norm", a.Channels),
            ($"{at}.qkv.weight", [3 * a.Channels, a.Channels, 1]), ($"{at}.qkv.bias", [3 * a.Channels]),
            ($"{at}.proj_out.weight", [a.Channels, a.Channels, 1]), ($"{at}.proj_out.bias", [a.Channels]),
        ],
        UNetLayer.Downsample d => Conv($"{at}.op", d.Channels, d.Channels, 3),
        UNetLayer.Upsample u => Conv($"{at}.conv", u.Channels, u.Channels, 3),
        _ => [],
    };

    static (string, long[])[] Norm(string at, long channels) => [($"{at}.weight", [channels]), ($"{at}.bias", [channels])];

    static (string, long[])[] Dense(string at, long inFeatures, long outFeatures) => [($"{at}.weight", [outFeatures, inFeatures]), ($"{at}.bias", [outFeatures])];

    static (string, long[])[] Conv(string at, long inChannels, long outChannels, long kernel) => [($"{at}.weight", [outChannels, inChannels, kernel, kernel]), ($"{at}.bias", [outChannels])];

    static long Product(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);
}
