using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// Transformer blocks over the tokens of several blocks, for several steps of the noise, which share all weights but the last layer's.
/// </summary>
/// <remarks>
/// Parameters have the released code's names. With projected tokens: "pre_layer.b" for block b, "intra_inter_block_attention" with "cls_token" and "layers.k", "head".
/// With pooled tokens, where that code numbers all layers alike: "cls_token", "layers.k" for the transformer's blocks, and the last of "layers" for the logits.
/// </remarks>
public sealed class AttentionHead : Head
{
    readonly Tokeniser[] _tokenisers;
    readonly Tensor _cls;
    readonly TransformerBlock[] _layers;
    readonly Linear _logits;

    internal AttentionHead(Params p, AttentionConfig config) : base(config)
    {
        var projected = config.Tokens as TokenConfig.Projected;
        var trunk = projected is null ? p : p["intra_inter_block_attention"];
        var first = projected is not null ? 1 : config.Tokens is TokenConfig.Pooled { Kernel: 1, Stride: null or 1 } ? 2 : 3; // after Pool, Reshape, Insert_CLS_Token
        _tokenisers = [.. config.Blocks.Select(block => Tokeniser(p["pre_layer"][block.Block], block, config))];
        _cls = trunk.GetFull("cls_token", [1, 1, config.Dim], Inits.Zeros);
        _layers = [.. Enumerable.Range(first, config.Depth).Select(k => new TransformerBlock(trunk["layers"][k], config.Dim, config.Heads, config.MlpRatio))];
        _logits = new(projected is null ? p["layers"][first + config.Depth + 1] : p["head"], (long)config.Ts.Count * config.Dim, config.Classes);
    }

    public override Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training)
    {
        using var scope = new TensorScope();
        var steps = Config.Ts.Count;
        var h = Joined([.. Config.Ts.Select(t => Tokens(maps, t, training))], 0);          // (steps N, 1 + T, dim): the steps are so many further pictures
        foreach (var layer in _layers[..^1])
        {
            h = layer.Forward(h);
        }
        var cls = _layers[^1].ForwardFirst(h);                                             // (steps N, dim)
        var sideBySide = steps == 1 ? cls : cls.Reshape(steps, -1, cls.Size(1)).Transpose(0, 1).Flatten(1);
        return scope.Return(_logits.Forward(sideBySide));
    }

    static Tokeniser Tokeniser(Params p, FeatureSpec block, AttentionConfig config) => config.Tokens switch
    {
        TokenConfig.Projected tokens => new ProjectedTokeniser(p, block, tokens, config.Dim),
        TokenConfig.Pooled tokens => new PooledTokeniser(tokens),
        var other => throw new InvalidOperationException($"{other} is no way to make tokens"),
    };

    // CLS in front, no positions: (N, 1 + T, dim).
    Tensor Tokens(IReadOnlyDictionary<FeatureKey, Tensor> maps, int t, bool training)
    {
        var tokens = Config.Blocks.Zip(_tokenisers, (block, tokeniser) => tokeniser.Forward(Map(maps, t, block), training)).ToArray();
        return Aten.Cat([_cls.Expand(tokens[0].Size(0), 1, -1), .. tokens], 1);
    }
}
