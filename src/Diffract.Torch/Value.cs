using System.Globalization;

namespace Diffract.Torch;

/// <summary>One argument of an operator; everything that an operator takes converts to it by itself.</summary>
public readonly struct Value
{
    internal readonly ValueKind Kind;
    internal readonly long Bits;
    internal readonly object? Reference;

    Value(ValueKind kind, long bits = 0, object? reference = null) => (Kind, Bits, Reference) = (kind, bits, reference);

    /// <summary>An optional argument that is not given.</summary>
    public static Value None => default;

    public static implicit operator Value(Tensor? tensor) => tensor is null ? default : new(ValueKind.Tensor, 0, tensor);
    public static implicit operator Value(long value) => new(ValueKind.Int, value);
    public static implicit operator Value(int value) => new(ValueKind.Int, value);
    public static implicit operator Value(double value) => new(ValueKind.Double, BitConverter.DoubleToInt64Bits(value));
    public static implicit operator Value(bool value) => new(ValueKind.Bool, value ? 1 : 0);
    public static implicit operator Value(long[]? values) => values is null ? default : new(ValueKind.IntList, 0, values);
    public static implicit operator Value(double[] values) => new(ValueKind.DoubleList, 0, values);
    public static implicit operator Value(Tensor?[] tensors) => new(ValueKind.TensorList, 0, tensors);
    public static implicit operator Value(string? text) => text is null ? default : new(ValueKind.String, 0, text);
    public static implicit operator Value(DType type) => new(ValueKind.Int, (long)type);
    public static implicit operator Value(DType? type) => type is { } t ? t : default(Value);
    public static implicit operator Value(Device device) => new(ValueKind.String, 0, device.Name);

    /// <summary>For error texts: shapes and types of tensors, the values of the rest.</summary>
    public override string ToString() => Kind switch
    {
        ValueKind.None => "none",
        ValueKind.Tensor => ((Tensor)Reference!).ToString(),
        ValueKind.Int => Bits.ToString(CultureInfo.InvariantCulture),
        ValueKind.Double => BitConverter.Int64BitsToDouble(Bits).ToString(CultureInfo.InvariantCulture),
        ValueKind.Bool => Bits != 0 ? "true" : "false",
        ValueKind.IntList => $"[{string.Join(", ", (long[])Reference!)}]",
        ValueKind.DoubleList => $"[{string.Join(", ", (double[])Reference!)}]",
        ValueKind.TensorList => $"[{string.Join(", ", ((Tensor?[])Reference!).Select(t => t?.ToString() ?? "none"))}]",
        _ => $"'{Reference}'",
    };
}
