using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Convolutions as learned pooling. Parameters: "convs.b.i" for convolution i on block b, and "head".</summary>
public sealed class CnnHead : Head
{
    readonly CnnConfig _config;
    readonly Conv2d[][] _convs;                                                            // by block
    readonly Linear _logits;

    internal CnnHead(Params p, CnnConfig config) : base(config)
    {
        _config = config;
        _convs = [.. config.Blocks.Select(block => Convolutions(p["convs"][block.Block], [block.Channels, .. config.Widths], config.Padding))];
        _logits = new(p["head"], config.Inputs, config.Classes);
    }

    public override Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training)
    {
        using var scope = new TensorScope();
        var vectors = Config.Ts.SelectMany(t => Config.Blocks.Zip(_convs, (block, convs) => Vector(Map(maps, t, block), convs)));
        return scope.Return(_logits.Forward(Joined([.. vectors], 1)));                     // (N, classes)
    }

    // (N, C, H, W) -> (N, width pool pool).
    Tensor Vector(Tensor map, Conv2d[] convs)
    {
        using var scope = new TensorScope();
        var h = convs.Aggregate(map, (x, conv) => Aten.MaxPool2d(conv.Forward(x).Relu(), 2));
        return scope.Return(Aten.AdaptiveAvgPool2d(h, _config.Pool).Flatten(1));
    }

    static Conv2d[] Convolutions(Params p, int[] channels, int padding) =>
        [.. channels.Zip(channels.Skip(1)).Select((pair, i) => new Conv2d(p[i], pair.First, pair.Second, kernel: 2, padding: padding))];
}
