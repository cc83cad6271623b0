namespace Diffract.Torch;

/// <summary>Element types, with the numbers of c10::ScalarType.</summary>
public enum DType : sbyte
{
    UInt8 = 0, Int8 = 1, Int16 = 2, Int32 = 3, Int64 = 4,
    Float16 = 5, Float32 = 6, Float64 = 7,
    Bool = 11, BFloat16 = 15,
    UInt16 = 27, // libtorch 2.3 and later
}

public static class DTypes
{
    /// <summary>Bytes an element.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.UInt8 or DType.Int8 or DType.Bool => 1,
        DType.Int16 or DType.UInt16 or DType.Float16 or DType.BFloat16 => 2,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an element type"),
    };

    /// <summary>In which norms, softmax and sums compute: float64 for float64, else float32.</summary>
    public static DType Full(this DType type) => type == DType.Float64 ? DType.Float64 : DType.Float32;

    public static bool IsFloatingPoint(this DType type) => type is DType.Float16 or DType.Float32 or DType.Float64 or DType.BFloat16;
}
