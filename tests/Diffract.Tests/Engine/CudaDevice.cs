using System.Diagnostics;
using Diffract.Tests.Cli;
using Diffract.Tests.Packaging;

namespace Diffract.Tests.Engine;

/// <summary>
/// The command on a CUDA device: the machine's, or, where libtorch sees none, a stand-in that computes on the processor and refuses what a
/// GPU would refuse (tests/native/cuda_stand_in.cpp), built once.
/// </summary>
public sealed class CudaDevice
{
    readonly (string, string)[] _variables;

    public CudaDevice()
    {
        IsStandIn = Torch.Torch.CudaDevices == 0;
        _variables = IsStandIn ? [("LD_PRELOAD", Build()), ("UCX_ERROR_SIGNALS", "")] : [];
    }

    public bool IsStandIn { get; }

    /// <summary>Runs the command with `--device cuda` or `--device cpu`, and fails with its words where it fails.</summary> <returns>What it printed.</returns>
    public string Run(string device, params string[] arguments)
    {
        var (code, output, errors) = Command.RunWith(device == "cuda" ? _variables : [], [.. arguments, "--device", device]);
        Assert.True(code == 0, $"{string.Join(' ', arguments)} on {device} ended with {code}: {errors}");
        return output;
    }

    static string Build()
    {
        var folder = Path.Combine(PackagedFolder.Tree, "build", "cuda-stand-in");
        Cmake("-S", Path.Combine(PackagedFolder.Tree, "tests", "native"), "-B", folder, "-G", "Unix Makefiles");
        Cmake("--build", folder);
        return Path.Combine(folder, "libcuda_stand_in.so");
    }

    static void Cmake(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("cmake", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"cmake {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}\n{errors.Result}");
    }
}
