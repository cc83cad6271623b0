using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Where the project's own kernels serve; everywhere else ATen's operators compute the same.</summary>
public static class Kernels
{
    static readonly Lazy<bool> HasGroupNormSilu = new(() => Torch.Torch.HasOperator("diffract::group_norm_silu"));

    /// <summary>Off makes every layer use ATen's operators, for comparisons.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("DIFFRACT_KERNELS") != "0";

    static readonly Lazy<bool> HasConv3x3 = new(() => Torch.Torch.HasOperator("diffract::conv3x3"));

    // Float32 with gradients stays with ATen's direct convolution, whose rounding errors are a third.
    internal static bool Conv3x3(Tensor x, long inChannels, long outChannels) => Enabled && x.Device.IsCpu && x.Dimensions == 4 && HasConv3x3.Value
        && (x.DType == DType.BFloat16 || (x.DType == DType.Float32 && !GradMode.IsOn))
        && Dispatcher.CallNumber("diffract::conv3x3_serves", inChannels, outChannels, x.DType == DType.BFloat16) != 0;

    internal static bool GroupNormSilu(Tensor x) => Enabled && x.Device.IsCpu && x.Dimensions == 4 && x.Strides[1] == 1 && x.DType is DType.Float32 or DType.BFloat16 && HasGroupNormSilu.Value;

    // oneDNN's bfloat16 weight gradient for 192 channels takes twice the time of 128 and 64 one after the other; docs/design.md has the figures.
    internal static bool SplitsChannels(Tensor x, int kernel) => kernel == 3 && GradMode.IsOn && x.DType == DType.BFloat16 && x.Device.IsCpu
        && x.Size(1) is > 32 and < 512 and var channels && channels % 32 == 0 && !long.IsPow2(channels);
}
