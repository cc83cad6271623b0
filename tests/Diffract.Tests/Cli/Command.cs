using System.Diagnostics;

namespace Diffract.Tests.Cli;

/// <summary>The command, run as a process of its own.</summary>
static class Command
{
    public static (int Code, string Errors) Run(params string[] arguments) => RunWith(kernels: null, arguments);

    /// <param name="kernels">DIFFRACT_KERNELS; null: as it is.</param>
    public static (int Code, string Errors) RunWith(string? kernels, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory.Replace("Diffract.Tests", "Diffract.Cli", StringComparison.Ordinal), "Diffract.Cli.dll");
        var start = new ProcessStartInfo(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"), [program, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        if (kernels is not null)
        {
            start.Environment["DIFFRACT_KERNELS"] = kernels;
        }
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        output.Wait();
        return (process.ExitCode, errors);
    }
}
