using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// Transformer blocks over the tokens of several blocks, for several steps of the noise, which share all weights but the last layer's.
/// </summary>
/// <remarks>
/// Parameters have the released code's names. With projected tokens: "pre_layer.b" for block b, "intra_inter_block_attention" with "cls_token" and "layers.k", "head".
/// With pooled tokens, where that code numbers all layers alike: "cls_token", "layers.k", and the last of "layers" for the logits.
/// </remarks>
public sealed class AttentionHead : Head
{
    readonly Tokeniser[] _tokenisers;
    readonly List<Func<Tensor, Tensor>> _layers = [];
    readonly Linear _logits;

    internal AttentionHead(Params p, AttentionConfig config) : base(config)
    {
        var projected = config.Tokens is TokenConfig.Projected;
        var trunk = projected ? p["intra_inter_block_attention"] : p;
        var at = projected ? 0 : config.Tokens is TokenConfig.Pooled { Kernel: 1, Stride: null } ? 1 : 2;   // after Pool and Reshape
        _tokenisers = [.. config.Blocks.Select(block => Tokeniser(p["pre_layer"][block.Block], block, config))];
        var layers = config.Shapes().ToList();
        foreach (var (i, (layer, before)) in layers.Index())
        {
            _layers.AddRange(Layers(trunk, at, layer, before.Width, firstAlone: layers.ElementAtOrDefault(i + 1).Layer is TokenLayer.First));
            at += layer.Places;
        }
        _logits = new(projected ? p["head"] : p["layers"][at], config.Ts.Count * config.Output.Width, config.Classes);
    }

    public override Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training) =>
        Forward([.. Config.Ts.Select(t => Config.Blocks.Select(block => (block.Block, Map(maps, t, block))).ToArray())], training);

    /// <summary>From maps in the order in which their tokens stand; those of one block in two passes share its tokeniser.</summary>
    /// <param name="maps">For each step, blocks and their maps (N, C, H, W) in full precision.</param> <param name="training">As for the other form.</param> <returns>Logits (N, classes).</returns>
    internal Tensor Forward((int Block, Tensor Map)[][] maps, bool training)
    {
        using var scope = new TensorScope();
        var h = Joined([.. maps.Select(step => Tokens(step, training))], 0);               // (steps N, T, dim): the steps are so many further pictures
        h = _layers.Aggregate(h, (x, layer) => layer(x));                                  // (steps N, d)
        var sideBySide = maps.Length == 1 ? h : h.Reshape(maps.Length, -1, h.Size(1)).Transpose(0, 1).Flatten(1);
        return scope.Return(_logits.Forward(sideBySide));
    }

    static Tokeniser Tokeniser(Params p, FeatureSpec block, AttentionConfig config) => config.Tokens switch
    {
        TokenConfig.Projected tokens => new ProjectedTokeniser(p, block, tokens, config.Dim),
        TokenConfig.Pooled tokens => new PooledTokeniser(tokens),
        var other => throw new InvalidOperationException($"{other} is no way to make tokens"),
    };

    // (N, T, dim), no positions.
    Tensor Tokens((int Block, Tensor Map)[] maps, bool training) => Joined([.. maps.Select(one => _tokenisers[PlaceOf(one.Block)].Forward(one.Map, training))], 1);

    int PlaceOf(int block) => Config.Blocks.Index().First(entry => entry.Item.Block == block).Index;

    // Before a layer that reads the first token, the last transformer block works out that token alone.
    IEnumerable<Func<Tensor, Tensor>> Layers(Params p, int at, TokenLayer layer, long width, bool firstAlone)
    {
        switch (layer)
        {
            case TokenLayer.InsertCls:
                var cls = p.GetFull("cls_token", [1, 1, width], Inits.Zeros);
                return [x => Aten.Cat([cls.Expand(x.Size(0), 1, -1), x], 1)];
            case TokenLayer.Transformer blocks:
                TransformerBlock[] made = [.. Enumerable.Range(at, blocks.Depth).Select(k => new TransformerBlock(p["layers"][k], width, blocks.Heads, blocks.MlpRatio))];
                return made.Select((block, i) => firstAlone && i == made.Length - 1 ? (Func<Tensor, Tensor>)(x => block.ForwardFirst(x).Unsqueeze(1)) : block.Forward);
            case TokenLayer.Dense dense:
                var linear = new Linear(p["layers"][at], width, dense.Width);
                return [x => Activated(linear.Forward(x), dense.Activation)];
            default:
                return [layer switch { TokenLayer.First => x => x.Select(1, 0), TokenLayer.Mean => x => x.Mean(1), _ => x => x.Flatten(1) }];
        }
    }

    static Tensor Activated(Tensor x, Activation activation) => activation switch
    {
        Activation.Relu => x.Relu(),
        Activation.Sigmoid => x.Sigmoid(),
        Activation.Tanh => x.Tanh(),
        _ => x,
    };
}
