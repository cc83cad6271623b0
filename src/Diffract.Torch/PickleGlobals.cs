using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;

namespace Diffract.Torch;

/// <summary>
/// The functions and classes that a pickle of weights may name, and what each builds. A call gives null where the arguments are not as PyTorch writes them,
/// and never copies more than a few hundred bytes, since a pickle can repeat a call in three bytes.
/// </summary>
static class PickleGlobals
{
    static readonly Dictionary<string, object> Known = new()
    {
        ["collections.OrderedDict"] = Callable("OrderedDict", a => a is [] ? new PickleDict() : null),
        ["collections.Counter"] = Callable("Counter", a => a is [PickleDict dict] ? dict : null),
        ["argparse.Namespace"] = Callable("Namespace", a => a is [] ? new PickleDict { IsNamespace = true } : null),
        ["torch._utils._rebuild_tensor"] = Callable("_rebuild_tensor", a => a.Length == 4 ? Tensor(a, null) : null),
        ["torch._utils._rebuild_tensor_v2"] = Callable("_rebuild_tensor_v2", a => a.Length is 6 or 7 ? Tensor(a, null) : null),
        ["torch._utils._rebuild_tensor_v3"] = Callable("_rebuild_tensor_v3", a => a is [_, _, _, _, _, _, PickleDType type, ..] ? Tensor(a, type.Name) : null),
        ["torch._utils._rebuild_parameter"] = Callable("_rebuild_parameter", a => a is [PickleTensor tensor, _, _] ? tensor : null),
        ["torch._utils._rebuild_parameter_with_state"] = Callable("_rebuild_parameter_with_state", a => a is [PickleTensor tensor, _, _, _] ? tensor : null),
        ["torch._tensor._rebuild_from_type_v2"] = Callable("_rebuild_from_type_v2", FromType),
        ["torch.Tensor"] = Callable("Tensor", _ => null),
        ["torch.nn.parameter.Parameter"] = Callable("Parameter", _ => null),
        ["torch.nn.parameter.Buffer"] = Callable("Buffer", _ => null),
        ["torch.Size"] = Callable("Size", a => a is [object?[] sizes] ? sizes : null),
        ["torch.device"] = Callable("device", a => a is [string type] ? type : a is [string { Length: < 32 } kind, long index] ? $"{kind}:{index}" : null),
        ["_codecs.encode"] = Callable("encode", a => a is [string { Length: <= 64 } text, "latin1"] ? Encoding.Latin1.GetBytes(text) : null),
        ["numpy.dtype"] = Callable("dtype", a => a is [string code, ..] ? new PickleNumpyType(code) : null),
        ["numpy.core.multiarray.scalar"] = Callable("scalar", NumpyScalar),
        ["numpy._core.multiarray.scalar"] = Callable("scalar", NumpyScalar),
    };

    static readonly Dictionary<string, string> StorageElements = new()
    {
        ["FloatStorage"] = "float32", ["DoubleStorage"] = "float64", ["HalfStorage"] = "float16", ["BFloat16Storage"] = "bfloat16",
        ["LongStorage"] = "int64", ["IntStorage"] = "int32", ["ShortStorage"] = "int16", ["CharStorage"] = "int8",
        ["ByteStorage"] = "uint8", ["BoolStorage"] = "bool", ["ComplexFloatStorage"] = "complex64", ["ComplexDoubleStorage"] = "complex128",
    };

    /// <summary>Element types by PyTorch's names; those that Diffract lacks have no DType.</summary>
    static readonly Dictionary<string, (DType? Type, int Size)> Elements = new()
    {
        ["float32"] = (DType.Float32, 4), ["float64"] = (DType.Float64, 8), ["float16"] = (DType.Float16, 2), ["bfloat16"] = (DType.BFloat16, 2),
        ["int64"] = (DType.Int64, 8), ["int32"] = (DType.Int32, 4), ["int16"] = (DType.Int16, 2), ["int8"] = (DType.Int8, 1),
        ["uint8"] = (DType.UInt8, 1), ["bool"] = (DType.Bool, 1), ["complex64"] = (null, 8), ["complex128"] = (null, 16),
        ["uint16"] = (null, 2), ["uint32"] = (null, 4), ["uint64"] = (null, 8),
        ["float8_e4m3fn"] = (null, 1), ["float8_e5m2"] = (null, 1), ["float8_e4m3fnuz"] = (null, 1), ["float8_e5m2fnuz"] = (null, 1),
    };

    /// <summary>What the name stands for, or null where it is not allowed.</summary>
    public static object? Find(string module, string name)
    {
        if (module is "torch" or "torch.cuda" && StorageElements.TryGetValue(name, out string? element)) { return new PickleStorageType(element); }
        if (module is "torch" or "torch.storage" && name is "UntypedStorage" or "_UntypedStorage") { return new PickleStorageType(null); }
        if (module == "torch" && Elements.ContainsKey(name)) { return new PickleDType(name); }
        return Known.GetValueOrDefault($"{module}.{name}");
    }

    public static DType? TypeOf(string element) => Elements[element].Type;

    /// <summary>Bytes an element.</summary>
    public static int SizeOf(string element) => Elements[element].Size;

    static PickleGlobal Callable(string name, Func<object?[], object?> call) => new(name, call);

    static PickleTensor? Tensor(object?[] a, string? element)
    {
        if (a is not [PickleStorage storage, long first, _, _, ..] || Numbers(a[2]) is not { } shape || Numbers(a[3]) is not { } strides) { return null; }
        element ??= storage.Element;
        return element is null || shape.Length != strides.Length ? null : new PickleTensor(storage, element, first, shape, strides);
    }

    static PickleTensor? FromType(object?[] a) => // (function, class, arguments, attributes): a tensor with Python attributes, which are left out
        a is [PickleGlobal { Name: not "_rebuild_from_type_v2" } function, PickleGlobal, object?[] arguments, _]
            ? function.Call(arguments) as PickleTensor : null;

    static ImmutableArray<long>? Numbers(object? value)
    {
        IReadOnlyList<object?>? items = value switch { object?[] tuple => tuple, List<object?> list => list, _ => null };
        if (items is null || items.Count > StoredTensor.MaxRank) { return null; }
        long[] numbers = new long[items.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (items[i] is not long number) { return null; }
            numbers[i] = number;
        }
        return ImmutableCollectionsMarshal.AsImmutableArray(numbers);
    }

    static object? NumpyScalar(object?[] arguments)
    {
        if (arguments is not [PickleNumpyType { BigEndian: false } type, byte[] bytes]) { return null; }
        return (type.Code, bytes.Length) switch
        {
            ("f8", 8) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            ("f4", 4) => (double)BinaryPrimitives.ReadSingleLittleEndian(bytes),
            ("f2", 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
            ("i8", 8) => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            ("i4", 4) => (long)BinaryPrimitives.ReadInt32LittleEndian(bytes),
            ("b1", 1) => bytes[0] != 0,
            _ => null,
        };
    }
}
