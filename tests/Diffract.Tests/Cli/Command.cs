using System.Diagnostics;

namespace Diffract.Tests.Cli;

/// <summary>The command, run as a process of its own.</summary>
static class Command
{
    public static (int Code, string Errors) Run(params string[] arguments)
    {
        var (code, _, errors) = RunWith([], arguments);
        return (code, errors);
    }

    /// <param name="variables">Of its environment, beside those of this process.</param>
    public static (int Code, string Output, string Errors) RunWith((string Name, string Value)[] variables, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory.Replace("Diffract.Tests", "Diffract.Cli", StringComparison.Ordinal), "Diffract.Cli.dll");
        var start = new ProcessStartInfo(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"), [program, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors);
    }
}
