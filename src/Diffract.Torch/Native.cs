using System.Runtime.InteropServices;

namespace Diffract.Torch;

enum ValueKind { None, Tensor, Int, Double, Bool, IntList, DoubleList, TensorList, String }

[StructLayout(LayoutKind.Sequential)]
struct NativeValue
{
    public ValueKind Kind;
    public int Count;
    public long Bits; // an integer, the bits of a double, or an address
}

[StructLayout(LayoutKind.Sequential)]
unsafe struct NativeTensorInfo
{
    public int DType, Device, DeviceIndex, Dimensions;
    public long Elements;
    public nint Data;
    public fixed long Sizes[16], Strides[16];
}

/// <summary>One to one with native/shim.h.</summary>
static unsafe partial class Native
{
    internal const string Library = "diffract_native";

    [LibraryImport(Library)] internal static partial int diffract_call(byte* name, byte* overload, NativeValue* arguments, int argumentCount, NativeValue* results, int capacity, out int resultCount);
    [LibraryImport(Library)] internal static partial int diffract_has_operator(byte* name, byte* overload);
    [LibraryImport(Library)] internal static partial nint diffract_last_error();

    [LibraryImport(Library)] internal static partial void diffract_free_tensor(nint tensor);
    [LibraryImport(Library)] internal static partial void diffract_free_memory(nint memory);
    [LibraryImport(Library)] internal static partial int diffract_alias(nint tensor, out nint result);
    [LibraryImport(Library)] internal static partial long diffract_live_tensors();
    [LibraryImport(Library)] internal static partial int diffract_tensor_info(nint tensor, NativeTensorInfo* info);
    [LibraryImport(Library)] internal static partial int diffract_tensor_over(nint data, long* sizes, long* strides, int dimensions, int dtype, delegate* unmanaged<nint, void> release, nint context, out nint result);

    [LibraryImport(Library)] internal static partial int diffract_requires_grad(nint tensor, int set);
    [LibraryImport(Library)] internal static partial int diffract_grad(nint tensor, out nint result);
    [LibraryImport(Library)] internal static partial int diffract_clear_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int diffract_backward(nint tensor, nint gradient, int keepGraph);
    [LibraryImport(Library)] internal static partial int diffract_grad_mode(int set);
    [LibraryImport(Library)] internal static partial int diffract_recomputed(nint value, nint* inputs, int count, delegate* unmanaged<nint, nint*, int, nint, nint*, byte*, int, int> recompute, delegate* unmanaged<nint, void> release, nint context, out nint result);

    [LibraryImport(Library)] internal static partial int diffract_threads(int set);
    [LibraryImport(Library)] internal static partial int diffract_manual_seed(ulong seed);
    [LibraryImport(Library)] internal static partial int diffract_cuda_devices();
    [LibraryImport(Library)] internal static partial nint diffract_version();
    [LibraryImport(Library)] internal static partial nint diffract_build_information();

    internal static string LastError() => Marshal.PtrToStringUTF8(diffract_last_error()) ?? "";

    /// <exception cref="TorchException"><paramref name="status"/> is not 0.</exception>
    internal static void Check(int status, string what)
    {
        if (status != 0)
        {
            throw new TorchException($"{what}: {LastError()}");
        }
    }
}
