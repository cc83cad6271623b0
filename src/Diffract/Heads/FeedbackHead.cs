using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// The second pass of a net with feedback, and a head on its maps. Parameters: the head's own, and "feedback_layers.i.j".
/// A net must be attached before it is used.
/// </summary>
public sealed class FeedbackHead : Head
{
    readonly FeedbackHeadConfig _config;
    readonly FeedbackLayers _layers;
    readonly Head _reader;
    FeedbackExtractor? _extractor;

    internal FeedbackHead(Params p, FeedbackHeadConfig config) : base(config)
    {
        _config = config;
        _reader = config.Reader.Build(p);
        _layers = new(p["feedback_layers"], config.Feedback, config.Layout);
    }

    public override void Attach(UNet net)
    {
        if (net.Last < _config.Deepest || !net.Layout.Blocks.Take(net.Last).SequenceEqual(_config.Layout.Blocks.Take(net.Last), SameBlock))
        {
            throw new ArgumentException($"the head runs a net as far as block {_config.Deepest}; the one that is attached has another layout, or was built up to block {net.Last} only", nameof(net));
        }
        _extractor = new(net, _layers, _config.ReadBlocks);
    }

    /// <param name="maps">Whole maps of the first pass, for every t and block of the configuration. Gradients flow through the second pass to the feedback layers, and to maps that it goes on from where these have any (fine-tuning).</param>
    /// <exception cref="HeadConfigException">No net is attached.</exception>
    public override Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training)
    {
        using var scope = new TensorScope();
        var second = Config.Ts.ToDictionary(t => t, t => Second(maps, t, training));
        if (_config.FirstReadBlocks.Count == 0)
        {
            return scope.Return(_reader.Forward(second.SelectMany(step => step.Value.Select(pair => (Key: new FeatureKey(step.Key, pair.Key), Map: pair.Value))).ToDictionary(pair => pair.Key, pair => pair.Map), training));
        }
        // Tokens of the first pass, then of the second, as in the released code.
        var reads = Config.Ts.Select(t => _config.FirstReadBlocks.Select(b => (b, Map(maps, t, Config.Blocks.First(block => block.Block == b)).Detach()))
            .Concat(_config.ReadBlocks.Select(b => (b, second[t][b].To(second[t][b].DType.Full())))).ToArray());
        return scope.Return(((AttentionHead)_reader).Forward([.. reads], training));
    }

    // By block, (N, C, H, W) in the net's type.
    IReadOnlyDictionary<int, Tensor> Second(IReadOnlyDictionary<FeatureKey, Tensor> maps, int t, bool training)
    {
        var extractor = _extractor ?? throw new HeadConfigException("this head has feedback (DifFeed) and runs the net's second pass: give it the backbone (--model), not only a store of features");
        var first = extractor.FromKept(Config.Blocks.ToDictionary(block => block.Block, block => Map(maps, t, block)));
        var any = first.State.Output;
        var steps = Aten.Full([any.Size(0)], t, DType.Int64, any.Device);
        var y = _config.Class is { } label ? Aten.Full([any.Size(0)], label, DType.Int64, any.Device) : null;
        return extractor.Second(first, steps, y, training);
    }

    static readonly IEqualityComparer<UNetBlock> SameBlock = EqualityComparer<UNetBlock>.Create((a, b) => (a!.OutChannels, a.OutStride, a.Description) == (b!.OutChannels, b.OutStride, b.Description));
}
