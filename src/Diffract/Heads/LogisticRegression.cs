using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// Fits a linear head to its optimum: multinomial logistic regression on standardised vectors, mean cross entropy + penalty / 2 |W|^2, by L-BFGS over all rows at once.
/// There is no learning rate, and no influence of the order of rows; several penalties are fitted one after another, each from the last one's end.
/// </summary>
/// <remarks>
/// The protocol of CLIP's linear probes (Radford et al. 2021, appendix A.3). Features of diffusion models spread over very unequal directions, of which the weak
/// ones tell much of the class: what a few epochs of gradient steps leave undone there shows in the accuracy. The curvature at W = 0 is used as a
/// preconditioner, which makes the iterations some three times fewer.
/// </remarks>
public sealed class LogisticRegression : IDisposable
{
    const int TileRows = 8192, LargestPreconditioned = 4096;
    const double Epsilon = 1e-5;                                                           // batch norm's

    readonly LinearConfig _config;
    readonly Tensor _x, _labels, _mean, _variance;                                         // moments are float64
    Tensor? _covariance, _weight, _bias;                                                   // (inputs, inputs); (classes, inputs) and (classes) of the last fit; float64

    /// <param name="config">Without hidden layers.</param>
    /// <param name="x">(N, inputs) float32 from <see cref="LinearConfig.Vector"/>, on the device that is to compute; it is standardised in place.</param> <param name="labels">(N), int64, there too.</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    public LogisticRegression(LinearConfig config, Tensor x, Tensor labels)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        (_config, _x, _labels) = (config, x, labels);
        (_mean, _variance) = Moments(x);
        if (!double.IsFinite(_variance.Sum().Item()))
        {
            Dispose();
            throw new ArgumentException("features hold values that are not finite (NaN or infinite): the store was made with a damaged model, or in too short a type. Extract it again.");
        }
        x.Add_(_mean.To(DType.Float32), -1).Mul_(Scale().To(DType.Float32));
    }

    /// <summary>Fits one penalty, from where the last fit ended.</summary>
    /// <param name="penalty">Of the squared weights, &gt; 0; biases carry none.</param>
    /// <returns>Parameters and buffers of a <see cref="LinearHead"/> of this configuration, in the enclosing scope.</returns>
    public IReadOnlyList<KeyValuePair<string, Tensor>> Fit(double penalty, Action<int, double>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var (classes, inputs) = (_config.Classes, _config.Inputs);
        var scaling = Scaling(penalty);
        var start = _weight is { } w && _bias is { } b ? Aten.Cat([(scaling is null ? w : w.MatMul(scaling.Value.Factor)).Flatten(), b], 0) : Aten.Zeros([(inputs + 1) * classes], DType.Float64, _x.Device);
        var fit = new Lbfgs().Minimise(start, point =>
        {
            var (weight, bias) = Unpacked(point, scaling?.Inverse);
            var (loss, gradient, ofBias) = Loss(weight, bias);
            loss += penalty / 2 * weight.Square().Sum().Item();
            var ofWeight = gradient + weight * penalty;
            return (loss, Aten.Cat([(scaling is null ? ofWeight : ofWeight.MatMul(scaling.Value.Inverse.T())).Flatten(), ofBias], 0));
        }, report, cancellation);
        Iterations = fit.Iterations;
        var (fitted, biases) = Unpacked(start, scaling?.Inverse);
        _weight?.Dispose();
        _bias?.Dispose();
        (_weight, _bias) = (fitted.Clone().Keep(), biases.Clone().Keep());
        return [.. Named(_weight, _bias).Select(pair => new KeyValuePair<string, Tensor>(pair.Key, scope.Return(pair.Value)))];
    }

    /// <summary>Directions that the last fit took.</summary>
    public int Iterations { get; private set; }

    public void Dispose()
    {
        foreach (var tensor in (Tensor?[])[_mean, _variance, _covariance, _weight, _bias])
        {
            tensor?.Dispose();
        }
    }

    // Mean and variance of each column, (inputs), kept.
    static (Tensor Mean, Tensor Variance) Moments(Tensor x)
    {
        using var scope = new TensorScope();
        var (n, sum, squares) = (x.Size(0), Aten.Zeros([x.Size(1)], DType.Float64, x.Device), Aten.Zeros([x.Size(1)], DType.Float64, x.Device));
        for (long at = 0; at < n; at += TileRows)
        {
            using var tile = new TensorScope();
            var rows = x.Narrow(0, at, Math.Min(TileRows, n - at)).To(DType.Float64);
            sum.Add_(rows.Sum(0), 1.0 / n);
            squares.Add_(rows.Square().Sum(0), 1.0 / n);
        }
        return (sum.Keep(), (squares - sum.Square()).Clamp(0, double.MaxValue).Keep());
    }

    // One over the deviations, as batch norm has it.
    Tensor Scale() => Dispatcher.Call("aten::rsqrt", _variance + Epsilon);

    // Mean cross entropy of standardised rows and its gradients, float64; logits in float32, tile by tile.
    (double Loss, Tensor OfWeight, Tensor OfBias) Loss(Tensor weight, Tensor bias)
    {
        using var scope = new TensorScope();
        var (w, b) = (weight.To(DType.Float32), bias.To(DType.Float32));
        var (loss, ofWeight, ofBias, n) = (0.0, Aten.Zeros(weight.Shape, DType.Float64, _x.Device), Aten.Zeros(bias.Shape, DType.Float64, _x.Device), _x.Size(0));
        for (long at = 0; at < n; at += TileRows)
        {
            using var tile = new TensorScope();
            var (x, labels) = (_x.Narrow(0, at, Math.Min(TileRows, n - at)), _labels.Narrow(0, at, Math.Min(TileRows, n - at)));
            var logits = Aten.Linear(x, w, b);                                             // (rows, classes)
            loss += Aten.CrossEntropyEach(logits, labels).To(DType.Float64).Sum().Item();
            var error = logits.Softmax(1) - Dispatcher.Call("aten::one_hot", labels, _config.Classes).To(DType.Float32);
            ofWeight.Add_(error.T().MatMul(x).To(DType.Float64), 1.0 / n);
            ofBias.Add_(error.To(DType.Float64).Sum(0), 1.0 / n);
        }
        scope.Return(ofWeight);
        scope.Return(ofBias);
        return (loss / n, ofWeight, ofBias);
    }

    // L with L L^T = a X^T X / N + penalty, the curvature where all classes are equally likely, and its inverse. Null where the matrix would be too large.
    (Tensor Factor, Tensor Inverse)? Scaling(double penalty)
    {
        if (_config.Inputs > LargestPreconditioned)
        {
            return null;
        }
        using var scope = new TensorScope();
        _covariance ??= Covariance().Keep();
        var (a, one) = ((1 - 1.0 / _config.Classes) / _config.Classes, Aten.Eye(_config.Inputs, DType.Float64, _x.Device));
        var factor = Dispatcher.Call("aten::linalg_cholesky", _covariance * a + one * penalty);
        return (scope.Return(factor), scope.Return(Dispatcher.Call("aten::linalg_solve_triangular", factor, one, false)));
    }

    Tensor Covariance()
    {
        using var scope = new TensorScope();
        var (n, sum) = (_x.Size(0), Aten.Zeros([_config.Inputs, _config.Inputs], DType.Float64, _x.Device));
        for (long at = 0; at < n; at += TileRows)
        {
            using var tile = new TensorScope();
            var x = _x.Narrow(0, at, Math.Min(TileRows, n - at));
            sum.Add_(x.T().MatMul(x).To(DType.Float64), 1.0 / n);
        }
        return scope.Return(sum);
    }

    // The vector holds W L and the biases.
    (Tensor Weight, Tensor Bias) Unpacked(Tensor point, Tensor? inverse)
    {
        var (classes, inputs) = ((long)_config.Classes, _config.Inputs);
        var stored = point.Narrow(0, 0, classes * inputs).Reshape(classes, inputs);
        return (inverse is null ? stored : stored.MatMul(inverse), point.Narrow(0, classes * inputs, classes));
    }

    // With batch norm the moments are its running statistics; without it they go into weights and biases.
    IEnumerable<KeyValuePair<string, Tensor>> Named(Tensor weight, Tensor bias)
    {
        if (_config.BatchNorm)
        {
            return
            [
                new("fcs.0.weight", weight.To(DType.Float32)), new("fcs.0.bias", bias.To(DType.Float32)),
                new("norm.running_mean", _mean.To(DType.Float32)), new("norm.running_var", _variance.To(DType.Float32)), new("norm.num_batches_tracked", Aten.Ones([], DType.Int64)),
            ];
        }
        var scaled = weight * Scale();
        return [new("fcs.0.weight", scaled.To(DType.Float32)), new("fcs.0.bias", (bias - scaled.MatMul(_mean)).To(DType.Float32))];
    }
}
