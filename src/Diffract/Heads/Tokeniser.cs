using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Makes tokens of one block's maps.</summary>
abstract class Tokeniser
{
    /// <param name="map">(N, C, H, W), float32.</param> <returns>(N, T, dim), row by row of the map.</returns>
    public abstract Tensor Forward(Tensor map, bool training);

    protected static Tensor Flattened(Tensor map) => map.Flatten(2).Transpose(1, 2);       // (N, C, H, W) -> (N, H W, C)
}

/// <summary>Pooling, norm ("1") and 1x1 convolution ("2"), under the released code's names.</summary>
sealed class ProjectedTokeniser(Params p, FeatureSpec block, TokenConfig.Projected tokens, int dim) : Tokeniser
{
    readonly int _height = Math.Min(block.Height, tokens.Size), _width = Math.Min(block.Width, tokens.Size);
    readonly LayerNorm? _joint = tokens.Norm == TokenNorm.Joint ? new(p[1], block.Channels, Math.Min(block.Height, tokens.Size), Math.Min(block.Width, tokens.Size)) : null;
    readonly BatchNorm2d? _batch = tokens.Norm == TokenNorm.Batch ? new(p[1], block.Channels) : null;
    readonly LayerNorm? _channels = tokens.Norm == TokenNorm.Channels ? new(p[1], block.Channels) : null;
    readonly Conv2d _projection = new(p[2], block.Channels, dim, kernel: 1);

    public override Tensor Forward(Tensor map, bool training)
    {
        using var scope = new TensorScope();
        var pooled = map.Size(2) == _height && map.Size(3) == _width ? map : Aten.AdaptiveAvgPool2d(map, _height, _width);
        var normed = _joint?.Forward(pooled) ?? _batch?.Forward(pooled, training)
            ?? _channels!.Forward(pooled.Permute(0, 2, 3, 1)).Permute(0, 3, 1, 2);         // (N, C, h, w)
        return scope.Return(Flattened(_projection.Forward(normed)));
    }
}

/// <summary>Pooling alone.</summary>
sealed class PooledTokeniser(TokenConfig.Pooled tokens) : Tokeniser
{
    public override Tensor Forward(Tensor map, bool training)
    {
        using var scope = new TensorScope();
        return scope.Return(Flattened(tokens is { Kernel: 1, Stride: null } ? map : Aten.AvgPool2d(map, tokens.Kernel, tokens.Stride)));
    }
}
