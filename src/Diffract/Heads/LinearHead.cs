using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Linear layers on pooled maps. Parameters: "fcs.i", and "norm" where there is batch norm.</summary>
public sealed class LinearHead : Head
{
    readonly LinearConfig _config;
    readonly BatchNorm1d? _norm;
    readonly Linear[] _layers;

    internal LinearHead(Params p, LinearConfig config) : base(config)
    {
        _config = config;
        _norm = config.BatchNorm ? new(p["norm"], config.Inputs) : null;
        long[] widths = [config.Inputs, .. config.Hidden, config.Classes];
        _layers = [.. widths.Zip(widths.Skip(1)).Select((pair, i) => new Linear(p["fcs"][i], pair.First, pair.Second))];
    }

    public override Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training)
    {
        using var scope = new TensorScope();
        return scope.Return(Forward(_config.Vector(maps), training));
    }

    /// <summary>From vectors that were pooled before.</summary>
    /// <param name="x">(N, inputs) from <see cref="LinearConfig.Vector"/>.</param> <param name="training">As for the maps.</param> <returns>(N, classes).</returns>
    public Tensor Forward(Tensor x, bool training)
    {
        using var scope = new TensorScope();
        var h = _norm?.Forward(x, training) ?? x;
        foreach (var layer in _layers[..^1])
        {
            h = layer.Forward(h).Relu();
        }
        return scope.Return(_layers[^1].Forward(h));
    }
}
