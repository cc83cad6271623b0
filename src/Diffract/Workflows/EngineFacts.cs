using System.Text.RegularExpressions;
using Diffract.Data;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>libtorch as it was found in this process.</summary>
/// <param name="Version">Of the libtorch that the shim was built for.</param>
/// <param name="Path">The library that is loaded.</param>
/// <param name="Shim">The shim that is loaded.</param>
/// <param name="Capability">The instructions that its own kernels choose: "AVX2", "AVX512"; null where it does not tell.</param>
/// <param name="OneDnn">Version of oneDNN, which computes convolutions; null where libtorch has none.</param>
/// <param name="Blas">What computes float32 matrix products.</param>
/// <param name="Threads">Threads that one operator may use.</param>
/// <param name="CudaDevices">Devices that this libtorch sees.</param>
/// <param name="MatrixRate">float32 operations a second on one thread, measured.</param>
/// <param name="Factors">Of the products that the project's own kernels make for bfloat16 maps; null where ATen's operators serve those.</param>
/// <param name="MatrixUnit">What those products run in.</param>
/// <param name="PictureLibrary">torchvision's library of picture operators; null where it cannot be used.</param>
/// <param name="PictureError">Why it cannot.</param>
public sealed partial record EngineFacts(string Version, string? Path, string? Shim, string? Capability, string? OneDnn, BlasLibrary? Blas, int Threads, int CudaDevices, double MatrixRate,
    DType? Factors, MatrixUnit MatrixUnit, string? PictureLibrary, string? PictureError)
{
    /// <exception cref="TorchException">libtorch cannot be loaded.</exception>
    public static EngineFacts Read()
    {
        var version = Torch.Torch.Version;
        var rate = Workflows.MatrixRate.MeasureOneThread();                                // first: a product brings in whatever is loaded late
        var build = Torch.Torch.BuildInformation;
        string? pictureError = null;
        try
        {
            PictureOperators.Load();
        }
        catch (TorchException exception)
        {
            pictureError = exception.Message;
        }
        return new(version, LoadedLibraries.Find("libtorch_cpu."), NativeLibraries.ShimPath, First(CapabilityLine(), build), First(OneDnnLine(), build), BlasLibrary.Find(),
            Torch.Torch.Threads, Torch.Torch.CudaDevices, rate, Kernels.Serve ? Kernels.FactorsOfBFloat16 : null, Kernels.MatrixUnit, PictureOperators.LibraryPath, pictureError);
    }

    /// <summary>libtorch, BLAS and oneDNN in one line.</summary>
    /// <exception cref="TorchException">libtorch cannot be loaded.</exception>
    public static string Describe()
    {
        var blas = BlasLibrary.Find();
        return $"libtorch {Torch.Torch.Version}, {blas?.Name ?? "unknown BLAS"} {blas?.Version}{(blas?.Kernel is { } kernel ? $" ({kernel} kernels)" : "")}, oneDNN {First(OneDnnLine(), Torch.Torch.BuildInformation) ?? "none"}";
    }

    /// <summary>torchvision's version, from the file beside its library.</summary>
    public string? PictureVersion => PictureLibrary is { } library && System.IO.Path.Combine(System.IO.Path.GetDirectoryName(library)!, "version.py") is var file && File.Exists(file)
        ? First(VersionLine(), File.ReadAllText(file))
        : null;

    static string? First(Regex pattern, string text) => pattern.Match(text) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex(@"CPU capability usage: (\S+)")]
    private static partial Regex CapabilityLine();

    [GeneratedRegex(@"(?:MKL-DNN|oneDNN) v([\d.]+)")]
    private static partial Regex OneDnnLine();

    [GeneratedRegex(@"__version__ = ['""](.+?)['""]")]
    private static partial Regex VersionLine();
}
