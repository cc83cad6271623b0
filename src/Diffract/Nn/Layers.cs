using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>x W^T + b on the last dimension. Of two float types the product takes the weight's where that is the shorter, else x's.</summary>
/// <param name="full">Float32 whatever the store's compute type.</param>
public sealed class Linear(Params p, long inFeatures, long outFeatures, bool bias = true, bool full = false)
{
    readonly Tensor _weight = full ? p.GetFull("weight", [outFeatures, inFeatures], Inits.KaimingUniform) : p.Get("weight", [outFeatures, inFeatures], Inits.KaimingUniform);
    readonly Tensor? _bias = !bias ? null : full ? p.GetFull("bias", [outFeatures], Inits.BiasOf(outFeatures, inFeatures)) : p.Get("bias", [outFeatures], Inits.BiasOf(outFeatures, inFeatures));

    public Tensor Forward(Tensor x) => p.Store.Packed.Linear(x.To(Common(x)), _weight, _bias); // (..., in) -> (..., out)

    /// <summary>Some of the outputs alone: (..., in) -> (..., count).</summary>
    public Tensor ForwardPart(Tensor x, long first, long count)
    {
        var type = Common(x);
        return Aten.Linear(x.To(type), _weight.Narrow(0, first, count).To(type), _bias?.Narrow(0, first, count).To(type));
    }

    DType Common(Tensor x) => _weight.DType.Size() < x.DType.Size() ? _weight.DType : x.DType;
}

/// <summary>A k x k convolution, with padding that keeps the size (at stride 1, k odd) unless another is given.</summary>
/// <param name="groups">Parts into which the channels fall, each convolved by itself; as many as there are channels: depthwise.</param>
public sealed class Conv2d(Params p, long inChannels, long outChannels, int kernel, int stride = 1, bool bias = true, Init? init = null, int groups = 1, int? padding = null)
{
    readonly Tensor _weight = p.Get("weight", [outChannels, inChannels / groups, kernel, kernel], init ?? Inits.KaimingUniform);
    readonly Tensor? _bias = bias ? p.Get("bias", [outChannels], init ?? Inits.BiasOf(outChannels, inChannels / groups, kernel, kernel)) : null;
    readonly int _padding = padding ?? kernel / 2;
    readonly bool _plain = kernel == 3 && stride == 1 && groups == 1 && padding is null or 1;
    readonly bool _pointwise = kernel == 1 && stride == 1 && groups == 1 && padding is null or 0;

    public Tensor Forward(Tensor x)                                                        // (N, in, H, W) -> (N, out, H / stride, W / stride)
    {
        if (_plain && Kernels.Conv3x3(x, _weight, inChannels, outChannels) && Winograd(x) is { } y)
        {
            return y;
        }
        if (_pointwise && x.Strides[1] == 1 && x.Device.IsCpu)
        {
            return p.Store.Packed.Linear(x.Permute(0, 2, 3, 1), _weight, _bias).Permute(0, 3, 1, 2); // the same sums; ATen's convolution takes twice the time and more
        }
        return Aten.Conv2d(FillsUpOutputs && GradMode.IsOn && x.Device.IsCpu ? x.ChannelsLast() : x, _weight.To(x.DType), _bias?.To(x.DType), stride, _padding, groups);
    }

    // In the other layout oneDNN 3.7 (libtorch 2.6) fills the outputs up to a multiple of 16, and what it leaves there now and then makes the input's gradient NaN.
    bool FillsUpOutputs => outChannels % 16 != 0;

    // The project's own kernel, on weights packed once; trained ones, and those that no memory is left to keep, are packed in each pass. Null: for so small a map that takes longer than ATen's convolution.
    Tensor? Winograd(Tensor x)
    {
        using var scope = new TensorScope();
        var (trained, back) = (_weight.RequiresGrad, GradMode.IsOn && x.RequiresGrad);
        var packed = trained ? null : p.Store.Packed.Of(_weight, transposed: false, Kernels.Factors(x));
        var transposed = trained || !back ? null : p.Store.Packed.Of(_weight, transposed: true, Kernels.Factors(x));
        var kept = packed is not null && (!back || transposed is not null);
        return trained || kept || x.Size(0) * x.Size(2) * x.Size(3) >= Kernels.PixelsWorthPacking ? scope.Return(Dispatcher.Call("diffract::conv3x3", x, _weight, _bias, packed, transposed)) : null;
    }
}

/// <summary>A 1x1 convolution over tokens; its weight keeps conv1d's shape (out, in, 1).</summary>
public sealed class Conv1x1(Params p, long inChannels, long outChannels, Init? init = null)
{
    readonly Tensor _weight = p.Get("weight", [outChannels, inChannels, 1], init ?? Inits.KaimingUniform);
    readonly Tensor _bias = p.Get("bias", [outChannels], init ?? Inits.BiasOf(outChannels, inChannels));

    public Tensor Forward(Tensor tokens) => p.Store.Packed.Linear(tokens, _weight, _bias); // (N, T, in) -> (N, T, out)
}

/// <summary>Group norm, computed in float32 whatever the type of x; the result has x's type.</summary>
public sealed class GroupNorm(Params p, long channels, int groups = 32)
{
    readonly Tensor _weight = p.GetFull("weight", [channels], Inits.Ones);
    readonly Tensor _bias = p.GetFull("bias", [channels], Inits.Zeros);

    /// <param name="x">(N, C, H, W).</param>
    public Tensor Forward(Tensor x) => Modulated(x, null, null, silu: false);

    /// <summary>SiLU(norm(x)).</summary>
    public Tensor ForwardSilu(Tensor x) => Modulated(x, null, null, silu: true);

    /// <summary>SiLU(norm(x) * (1 + scale) + shift).</summary>
    /// <param name="x">(N, C, H, W).</param> <param name="scale">(N, C).</param> <param name="shift">(N, C).</param>
    public Tensor ForwardSilu(Tensor x, Tensor scale, Tensor shift) => Modulated(x, scale, shift, silu: true);

    Tensor Modulated(Tensor x, Tensor? scale, Tensor? shift, bool silu)
    {
        if (Kernels.GroupNormSilu(x))
        {
            return Dispatcher.Call("diffract::group_norm_silu", x, _weight, _bias, scale, shift, groups, 1e-5, silu);
        }
        using var scope = new TensorScope();
        var type = x.DType.Full();
        var h = Aten.GroupNorm(x.To(type), groups, _weight.To(type), _bias.To(type));
        if (scale is not null && shift is not null)
        {
            h = h * (1.0 + scale.To(type).Unsqueeze2d()) + shift.To(type).Unsqueeze2d();
        }
        return scope.Return((silu ? h.Silu() : h).To(x.DType));
    }
}

/// <summary>Layer norm over the last dimensions of the given shape.</summary>
public sealed class LayerNorm(Params p, params long[] shape)
{
    readonly Tensor _weight = p.GetFull("weight", shape, Inits.Ones);
    readonly Tensor _bias = p.GetFull("bias", shape, Inits.Zeros);

    public Tensor Forward(Tensor x) => Aten.LayerNorm(x, shape, _weight, _bias);
}

/// <summary>Batch norm over N without weights: each value to mean 0 and variance 1; momentum 0.1, epsilon 1e-5.</summary>
public sealed class BatchNorm1d(Params p, long features)
{
    readonly Tensor _mean = p.GetBuffer("running_mean", [features], Inits.Zeros);
    readonly Tensor _variance = p.GetBuffer("running_var", [features], Inits.Ones);
    readonly Tensor _batches = p.GetBuffer("num_batches_tracked", [], Inits.Zeros, DType.Int64);

    /// <param name="x">(N, features).</param> <param name="training">As for <see cref="BatchNorm2d"/>.</param>
    /// <exception cref="ArgumentException">One row alone in training, which has no variance.</exception>
    public Tensor Forward(Tensor x, bool training)
    {
        if (training)
        {
            if (x.Size(0) < 2)
            {
                throw new ArgumentException($"batch norm in training got {x}: it needs at least 2 rows a batch. Drop the last, smaller batch or choose another batch size.", nameof(x));
            }
            using var off = GradMode.Off();
            _batches.Copy_(_batches + 1);
        }
        return Aten.BatchNorm(x, null, null, _mean, _variance, training);
    }
}

/// <summary>Batch norm over (N, H, W); momentum 0.1, epsilon 1e-5.</summary>
public sealed class BatchNorm2d(Params p, long channels)
{
    readonly Tensor _weight = p.GetFull("weight", [channels], Inits.Ones);
    readonly Tensor _bias = p.GetFull("bias", [channels], Inits.Zeros);
    readonly Tensor _mean = p.GetBuffer("running_mean", [channels], Inits.Zeros);
    readonly Tensor _variance = p.GetBuffer("running_var", [channels], Inits.Ones);
    readonly Tensor _batches = p.GetBuffer("num_batches_tracked", [], Inits.Zeros, DType.Int64);

    /// <param name="x">(N, C, H, W).</param>
    /// <param name="training">True: statistics of the batch, which move the running ones; false: the running ones.</param>
    public Tensor Forward(Tensor x, bool training)
    {
        if (training)
        {
            using var off = GradMode.Off();
            _batches.Copy_(_batches + 1);
        }
        return Aten.BatchNorm(x, _weight, _bias, _mean, _variance, training);
    }
}
