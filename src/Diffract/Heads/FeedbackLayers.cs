using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>What DifFeed trains beside a head: a stack of layers for each pair of blocks. Parameters: "i.j" for layer j of pair i, as in the released code.</summary>
public sealed class FeedbackLayers
{
    readonly Func<Tensor, bool, Tensor>[][] _stacks;

    /// <param name="p">In a store of float32 weights, or of float64 ones to check gradients.</param>
    /// <exception cref="ArgumentException">The configuration does not fit the net.</exception>
    public FeedbackLayers(Params p, FeedbackConfig config, UNetLayout layout)
    {
        config.Check(layout);
        Config = config;
        _stacks = [.. config.Pairs.Select((pair, i) => config.Layers.Select((layer, j) =>
            Layer(p[i][j], layer, j == 0, layout.Blocks[pair.From - 1].OutChannels, layout.Blocks[pair.To - 1].OutChannels)).ToArray())];
    }

    public FeedbackConfig Config { get; }

    /// <summary>One pair's stack.</summary>
    /// <param name="pair">Its place among the configuration's pairs.</param>
    /// <param name="map">The decoder block's output in the first pass, (N, C_from, H, W).</param>
    /// <param name="training">True: batch norm takes the batch's statistics and moves the stored ones.</param>
    /// <returns>(N, C_to, H, W), in full precision.</returns>
    public Tensor Forward(int pair, Tensor map, bool training)
    {
        using var scope = new TensorScope();
        var h = map.To(map.DType.Full());
        foreach (var layer in _stacks[pair])
        {
            h = layer(h, training);
        }
        return scope.Return(h);
    }

    static Func<Tensor, bool, Tensor> Layer(Params p, FeedbackLayer kind, bool first, long from, long to)
    {
        switch (kind)
        {
            case FeedbackLayer.Convolution:
                var convolution = first ? new Conv2d(p, from, to, kernel: 1, bias: false) : new Conv2d(p, to, to, kernel: 3, bias: false, groups: (int)to);
                return (x, _) => convolution.Forward(x);
            case FeedbackLayer.BatchNorm:
                return new BatchNorm2d(p, to).Forward;
            case FeedbackLayer.GroupNorm:
                var norm = new GroupNorm(p, to);
                return (x, _) => norm.Forward(x);
            default:
                return (x, _) => kind == FeedbackLayer.Relu ? x.Relu() : x.Silu();
        }
    }
}
