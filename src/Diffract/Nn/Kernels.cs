using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Where the project's own kernels serve; everywhere else ATen's operators compute the same.</summary>
public static class Kernels
{
    static readonly Lazy<bool> HasGroupNormSilu = new(() => Torch.Torch.HasOperator("diffract::group_norm_silu"));

    /// <summary>Off makes every layer use ATen's operators, for comparisons.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("DIFFRACT_KERNELS") != "0";

    internal static bool GroupNormSilu(Tensor x) => Enabled && x.Device.IsCpu && x.Dimensions == 4 && x.Strides[1] == 1 && x.DType is DType.Float32 or DType.BFloat16 && HasGroupNormSilu.Value;
}
