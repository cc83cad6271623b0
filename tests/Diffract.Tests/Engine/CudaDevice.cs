using System.Diagnostics;
using Diffract.Tests.Cli;
using Diffract.Tests.Packaging;
using Diffract.Torch;

namespace Diffract.Tests.Engine;

/// <summary>
/// The command on a CUDA device: the machine's, or, where libtorch sees none, a stand-in that computes on the processor and refuses what a
/// GPU would refuse (tests/native/cuda_stand_in.cpp), built once.
/// </summary>
public sealed class CudaDevice : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly (string, string)[] _variables;

    public CudaDevice()
    {
        IsStandIn = Torch.Torch.CudaDevices == 0;
        _variables = IsStandIn ? [("LD_PRELOAD", Build()), ("UCX_ERROR_SIGNALS", ""), ("CUDA_STAND_IN_OPERATORS", Operators)] : [];
    }

    public bool IsStandIn { get; }

    /// <summary>Why there is neither: a libtorch with CUDA, which leaves no place for a stand-in, on a machine without a GPU. Null elsewhere.</summary>
    public static string? Missing => Torch.Torch.CudaDevices == 0 && LoadedLibraries.Find("libtorch_cuda.so") is { } library ? $"{library} is loaded, and there is no GPU" : null;

    string Operators => _folder["operators"];

    /// <summary>Runs the command with `--device cuda` or `--device cpu`, and fails with its words where it fails.</summary>
    /// <param name="operators">That have to run on the device, such as "aten::topk": numbers alone do not tell where they were computed.</param> <returns>What it printed.</returns>
    public string Run(string device, string[] operators, params string[] arguments)
    {
        File.Delete(Operators);
        var (code, output, errors) = Command.RunWith(device == "cuda" ? _variables : [], [.. arguments, "--device", device]);
        Assert.True(code == 0, $"{string.Join(' ', arguments)} on {device} ended with {code}: {errors}");
        if (IsStandIn && device == "cuda")
        {
            Assert.Empty(operators.Except(File.Exists(Operators) ? File.ReadAllLines(Operators) : []));
        }
        return output;
    }

    static string Build()
    {
        var folder = Path.Combine(PackagedFolder.Tree, "build", "cuda-stand-in");
        Cmake("-S", Path.Combine(PackagedFolder.Tree, "tests", "native"), "-B", folder, "-G", "Unix Makefiles", $"-DLIBTORCH={Libtorch}");
        Cmake("--build", folder);
        return Path.Combine(folder, "libcuda_stand_in.so");
    }

    // That of the shim; empty: the system's.
    static string Libtorch => File.ReadLines(Path.Combine(PackagedFolder.Tree, "build", "native", "CMakeCache.txt")).FirstOrDefault(line => line.StartsWith("LIBTORCH:", StringComparison.Ordinal))?.Split('=', 2)[1] ?? "";

    static void Cmake(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("cmake", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"cmake {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}\n{errors.Result}");
    }

    public void Dispose() => _folder.Dispose();
}

sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute() => Skip = CudaDevice.Missing;
}

sealed class CudaTheoryAttribute : TheoryAttribute
{
    public CudaTheoryAttribute() => Skip = CudaDevice.Missing;
}
