using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Models;

/// <summary>A layer that takes a map and the time embedding, whether or not it uses the latter.</summary>
abstract class UNetModule
{
    /// <param name="x">(N, C, H, W).</param> <param name="emb">(N, E), after its last SiLU.</param>
    public abstract Tensor Forward(Tensor x, Tensor emb);
}

/// <summary>The first convolution. In training it computes in float32.</summary>
sealed class StemConv(Params p, int inChannels, int outChannels, Func<DType> computeType) : UNetModule
{
    readonly Conv2d _conv = new(p, inChannels, outChannels, 3);

    public override Tensor Forward(Tensor x, Tensor emb) => _conv.Forward(GradMode.IsOn ? x : x.To(computeType())).To(computeType());
}

/// <summary>ResBlock of ADM: norm, SiLU, conv, with the time embedding as scale and shift of (or a term before) the second norm.</summary>
sealed class ResBlock(Params p, UNetConfig config, int inChannels, int outChannels, Resampling resampling = Resampling.None) : UNetModule
{
    readonly GroupNorm _inNorm = new(p["in_layers"][0], inChannels);
    readonly Conv2d _inConv = new(p["in_layers"][2], inChannels, outChannels, 3);
    readonly Linear _embProj = new(p["emb_layers"][1], config.TimeEmbeddingWidth, config.ScaleShiftNorm ? 2 * outChannels : outChannels);
    readonly GroupNorm _outNorm = new(p["out_layers"][0], outChannels);
    readonly Conv2d _outConv = new(p["out_layers"][3], outChannels, outChannels, 3, init: Inits.Zeros);
    readonly Conv2d? _skip = inChannels == outChannels ? null : new(p["skip_connection"], inChannels, outChannels, 1);

    /// <summary>Set while training; the published nets were trained with 0 or 0.1.</summary>
    public double Dropout { get; set; }

    public override Tensor Forward(Tensor x, Tensor emb)
    {
        using var scope = new TensorScope();
        var h = OutNorm(InLayers(x), emb);                                                 // (N, C_out, H', W')
        h = _outConv.Forward(Dropout > 0 ? Aten.Dropout(h, Dropout, training: true) : h);
        return scope.Return(Residual.Add(h, _skip?.Forward(x) ?? Resample(x)));
    }

    Tensor InLayers(Tensor x)
    {
        using var scope = new TensorScope();                                               // maps are large: what only this half needs goes with it
        return scope.Return(_inConv.Forward(Resample(_inNorm.ForwardSilu(x))));
    }

    // Takes h over: where no gradient is recorded, its map is freed before the second convolution makes another.
    Tensor OutNorm(Tensor h, Tensor emb)
    {
        using var scope = new TensorScope();
        var e = _embProj.Forward(emb);                                                     // (N, 2 C_out) or (N, C_out)
        Tensor normed;
        if (config.ScaleShiftNorm)
        {
            var (scale, shift) = e.Chunk2(dimension: 1);                                   // each (N, C_out)
            normed = _outNorm.ForwardSilu(h, scale, shift);
        }
        else
        {
            normed = _outNorm.ForwardSilu((h + e.Unsqueeze2d()).To(h.DType));
        }
        h.Dispose();
        return scope.Return(normed);
    }

    Tensor Resample(Tensor x) => resampling switch
    {
        Resampling.Down => MapSize.Halve(x),
        Resampling.Up => MapSize.Double(x),
        _ => x,
    };
}

static class Residual
{
    /// <summary>h + x, in h's memory where no gradient needs it.</summary>
    public static Tensor Add(Tensor h, Tensor x) => GradMode.IsOn ? h + x : h.Add_(x);
}

/// <summary>x + proj(attention(norm(x))) over all positions of the map.</summary>
sealed class AttentionBlock(Params p, int channels, int heads, bool newOrder) : UNetModule
{
    readonly GroupNorm _norm = new(p["norm"], channels);
    readonly Conv1x1 _qkv = new(p["qkv"], channels, 3 * channels);
    readonly Conv1x1 _proj = new(p["proj_out"], channels, channels, Inits.Zeros);

    public override Tensor Forward(Tensor x, Tensor emb)
    {
        using var scope = new TensorScope();
        var tokens = _norm.Forward(x).Flatten(2).Transpose(1, 2);                          // (N, T, C)
        var mixed = Attention.OfTokens(_qkv.Forward(tokens), heads, inside: !newOrder);    // (N, T, C)
        var h = _proj.Forward(mixed).Reshape(x.Size(0), x.Size(2), x.Size(3), x.Size(1)).Permute(0, 3, 1, 2); // (N, C, H, W), channels last for one picture, too
        return scope.Return(Residual.Add(h, x));
    }
}

/// <summary>Plain downsampling: a 3x3 convolution of stride 2.</summary>
sealed class Downsample(Params p, int channels) : UNetModule
{
    readonly Conv2d _op = new(p["op"], channels, channels, 3, stride: 2);

    public override Tensor Forward(Tensor x, Tensor emb) => _op.Forward(x);
}

/// <summary>Plain upsampling: nearest neighbour times two, then a 3x3 convolution.</summary>
sealed class Upsample(Params p, int channels) : UNetModule
{
    readonly Conv2d _conv = new(p["conv"], channels, channels, 3);

    public override Tensor Forward(Tensor x, Tensor emb)
    {
        using var scope = new TensorScope();
        return scope.Return(_conv.Forward(MapSize.Double(x)));
    }
}
