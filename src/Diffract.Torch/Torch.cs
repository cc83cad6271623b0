using System.Runtime.InteropServices;

namespace Diffract.Torch;

/// <summary>What concerns the whole engine: version, threads, random numbers, devices.</summary>
public static class Torch
{
    /// <summary>libtorch's version, such as "1.13.0".</summary>
    public static string Version => Marshal.PtrToStringUTF8(Native.diffract_version())!;

    /// <summary>libtorch's own account of its build and threads, several lines.</summary>
    public static string BuildInformation => Marshal.PtrToStringUTF8(Native.diffract_build_information())!;

    /// <summary>Threads that one operator may use.</summary>
    public static int Threads
    {
        get => Native.diffract_threads(0);
        set => Native.diffract_threads(value);
    }

    /// <summary>CUDA devices that libtorch sees; 0 where it has no CUDA.</summary>
    public static int CudaDevices => Native.diffract_cuda_devices();

    /// <summary>Handles to tensors that are not yet freed.</summary>
    public static long LiveTensors => Native.diffract_live_tensors();

    /// <summary>Seeds the generators of all devices.</summary>
    public static void ManualSeed(ulong seed) => Native.Check(Native.diffract_manual_seed(seed), "manual_seed");

    /// <summary>True where an operator such as "aten::conv2d" or "image::decode_jpeg" is there.</summary>
    public static unsafe bool HasOperator(string name)
    {
        var (operatorName, overload) = Dispatcher.Split(name);
        fixed (byte* n = operatorName, o = overload)
        {
            return Native.diffract_has_operator(n, o) != 0;
        }
    }
}
