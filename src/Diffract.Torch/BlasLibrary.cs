using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Diffract.Torch;

/// <summary>The library that computes libtorch's float32 matrix products.</summary>
/// <param name="Name">"OpenBLAS", "MKL", "BLIS", "reference BLAS".</param>
/// <param name="Version">Null where the library does not tell.</param>
/// <param name="Kernel">The processor whose kernels are in use, as OpenBLAS names them: "Haswell" (AVX2), "SkylakeX" (AVX-512); null elsewhere.</param>
/// <param name="OwnThreads">True where it starts threads of its own beside libtorch's.</param>
/// <param name="Path">Null where it is a part of libtorch.</param>
public sealed partial record BlasLibrary(string Name, string? Version, string? Kernel, bool OwnThreads, string? Path)
{
    /// <summary>True where OpenBLAS runs kernels that use AVX-512.</summary>
    public bool UsesAvx512 => Kernel is "SkylakeX" or "Cooperlake" or "SapphireRapids";

    /// <summary>Asks the libraries that libtorch has brought into the process.</summary>
    /// <returns>Null where none is known.</returns>
    /// <exception cref="TorchException">libtorch cannot be loaded.</exception>
    public static BlasLibrary? Find()
    {
        if (MklVersion().Match(Torch.BuildInformation) is { Success: true } mkl)
        {
            return new("MKL", mkl.Groups[1].Value, null, false, null);
        }
        var paths = LoadedLibraries.Paths.Where(path => path.Contains("blas") || path.Contains("libblis")).ToList();
        return paths.Select(OpenBlas).OfType<BlasLibrary>().FirstOrDefault()
            ?? paths.Select(path => new BlasLibrary(path.Contains("blis") ? "BLIS" : "reference BLAS", null, null, false, path)).FirstOrDefault();
    }

    static BlasLibrary? OpenBlas(string path)
    {
        if (Text(path, "openblas_get_config") is not { } config)                           // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... USE_OPENMP SkylakeX MAX_THREADS=64"
        {
            return null;
        }
        var words = config.Split(' ');
        return new("OpenBLAS", words.SkipWhile(word => word != "OpenBLAS").Skip(1).FirstOrDefault(), Text(path, "openblas_get_corename"), !words.Contains("USE_OPENMP"), path);
    }

    // The library is loaded already; to load it again only counts.
    static unsafe string? Text(string path, string function) =>
        NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, function, out var address)
            ? Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)address)())
            : null;

    [GeneratedRegex(@"Math Kernel Library Version (\S+?)(-Product)? ")]
    private static partial Regex MklVersion();
}
