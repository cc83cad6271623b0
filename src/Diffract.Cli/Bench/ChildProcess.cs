using System.Diagnostics;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>Runs a contender's command and watches its memory.</summary>
static class ChildProcess
{
    /// <exception cref="IOException">It cannot be started, or ends with an error; the message has its last words.</exception>
    public static Turn Run(Contender contender, CancellationToken cancellation)
    {
        using var process = Start(contender.Program, contender.Arguments);
        using var stop = cancellation.Register(() => process.Kill(entireProcessTree: true));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        long? peak = null;
        while (!process.WaitForExit(100))
        {
            peak = Workflows.Bench.PeakMemory(process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)) ?? peak;
        }
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        var last = output.Result.TrimEnd().Split('\n')[^1];
        if (process.ExitCode != 0 || !last.StartsWith('{'))
        {
            throw new IOException($"{contender.Name} ended with {process.ExitCode}: {contender.Program} {string.Join(" ", contender.Arguments)}: {errors.Result.TrimEnd().Split('\n')[^1]}");
        }
        var turn = contender.Read(last);
        return turn with { PeakBytes = turn.PeakBytes ?? peak };
    }

    /// <summary>True where the command can be started and ends without an error.</summary>
    public static bool Succeeds(string program, params string[] arguments) => Complaint(program, arguments) is null;

    /// <summary>Runs the command: null where it ends without an error, else its last words.</summary>
    public static string? Complaint(string program, params string[] arguments)
    {
        try
        {
            using var process = Start(program, arguments);
            process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : errors.Result.TrimEnd().Split('\n')[^1];
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
    }

    static Process Start(string program, IEnumerable<string> arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new IOException($"{program} cannot be started: {exception.Message}");
        }
    }
}
