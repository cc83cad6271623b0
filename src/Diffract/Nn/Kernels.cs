using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Where the project's own kernels serve; everywhere else ATen's operators compute the same.</summary>
public static class Kernels
{
    static readonly Lazy<bool> HasGroupNormSilu = new(() => Torch.Torch.HasOperator("diffract::group_norm_silu"));

    /// <summary>Off makes every layer use ATen's operators, for comparisons.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("DIFFRACT_KERNELS") != "0";

    /// <summary>Bytes that one model may spend on weights in the forms its kernels read (16 for each weight of a 3x3 convolution, 4 of a linear layer, or half of that for products of 16 bits; the first blocks' first); those beyond
    /// are put into that form in each pass, or, for small maps, run in ATen. A quarter of the memory at first. Weights that are trained are packed in each pass, and not kept.</summary>
    public static long PackedMemory { get; set; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

    static readonly Lazy<bool> HasConv3x3 = new(() => Torch.Torch.HasOperator("diffract::conv3x3"));

    // Float32 weights that are trained stay with ATen's direct convolution, whose rounding errors are a third.
    internal static bool Conv3x3(Tensor x, Tensor weight, long inChannels, long outChannels) => Enabled && x.Device.IsCpu && x.Dimensions == 4 && HasConv3x3.Value
        && (x.DType == DType.BFloat16 || (x.DType == DType.Float32 && !weight.RequiresGrad))
        && Dispatcher.CallNumber("diffract::conv3x3_serves", inChannels, outChannels) != 0;

    static readonly Lazy<bool> HasLinear = new(() => Torch.Torch.HasOperator("diffract::linear"));

    // Packing a convolution's weights for one map alone writes 144 bytes for each pair of channels; from about as many pixels on it costs less than it saves.
    internal const long PixelsWorthPacking = 1024;

    // Fewer rows than these cost less in ATen than the packing of weights that are trained.
    internal const long RowsWorthPacking = 128;

    internal static bool Linear(Tensor x, Tensor weight) => Enabled && x.Device.IsCpu && x.DType is DType.Float32 or DType.BFloat16 && HasLinear.Value
        && Dispatcher.CallNumber("diffract::linear_serves", weight.Size(1), weight.Size(0)) != 0;

    static readonly Lazy<DType> Reduced = new(() => HasConv3x3.Value ? (DType)Dispatcher.CallNumber("diffract::conv3x3_factors", true) : DType.Float32);

    /// <summary>What the project's own kernels multiply for bfloat16 maps: what this processor does fastest, bfloat16 or float16 (twice as fast as float32), or float32.</summary>
    public static DType FactorsOfBFloat16 => Reduced.Value;

    /// <summary>Whether they serve at all: not on processors without AVX2.</summary>
    public static bool Serve => Enabled && HasConv3x3.Value && Dispatcher.CallNumber("diffract::conv3x3_serves", 16, 16) != 0;

    /// <summary>What multiplies matrices of bfloat16 for them: the processor's unit, or, to test with, software.</summary>
    public static MatrixUnit MatrixUnit => Enabled && HasConv3x3.Value ? (MatrixUnit)Dispatcher.CallNumber("diffract::matrix_unit") : MatrixUnit.None;

    // What the products of this map are made of, and so the weights that are kept for them.
    internal static DType Factors(Tensor x) => x.DType == DType.BFloat16 ? Reduced.Value : DType.Float32;

    static readonly Lazy<bool> HasAttention = new(() => Torch.Torch.HasOperator("diffract::attention") && Dispatcher.CallNumber("diffract::attention_serves") != 0);

    internal static bool Attention(Tensor qkv) => Enabled && qkv.Device.IsCpu && qkv.DType is DType.Float32 or DType.BFloat16 && HasAttention.Value;

    static readonly Lazy<bool> HasMapSize = new(() => Torch.Torch.HasOperator("diffract::double_size"));

    internal static bool MapSize(Tensor x) => Enabled && x.Device.IsCpu && HasMapSize.Value;

    internal static bool GroupNormSilu(Tensor x) => Enabled && x.Device.IsCpu && x.Dimensions == 4 && x.Strides[1] == 1 && x.DType is DType.Float32 or DType.BFloat16 && HasGroupNormSilu.Value;
}
