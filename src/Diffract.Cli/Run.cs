using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>Turns what a verb throws into one line and an exit code: 0 done, 1 failed, 130 stopped by the user.</summary>
static class Run
{
    /// <param name="json">The line is a JSON object: {"error": ...} or {"stopped": ...}.</param>
    public static int Guarded(Func<int> body, bool json)
    {
        try
        {
            return body();
        }
        catch (OperationCanceledException)
        {
            Say("stopped; the same command goes on from what was kept", json, "stopped");
            return 130;
        }
        catch (Exception exception) when (IsForPeople(exception))
        {
            Say((json ? "" : "error: ") + exception.Message.ReplaceLineEndings(" "), json, "error");
            return 1;
        }
    }

    static void Say(string text, bool json, string key) => Console.Error.WriteLine(json ? JsonSerializer.Serialize(new Dictionary<string, string> { [key] = text }, JsonOutput.Options) : text);

    // What the library throws at its borders, and what the system says of files. Anything else is a bug and shows its trace.
    static bool IsForPeople(Exception exception) => exception is TorchException or CheckpointException or PictureException or UNetConfigException or TrainException or FeatureStoreException or HeadConfigException or RecipeException
        or ArgumentException or JsonException or IOException or UnauthorizedAccessException;

    /// <summary>A token that Ctrl-C and SIGTERM cancel once; a second time ends the process.</summary>
    public static CancellationToken Cancellation { get; } = Cancellable();

    static CancellationToken Cancellable()
    {
        var source = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = !source.IsCancellationRequested;
            source.Cancel();
        };
        Terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, context =>
        {
            context.Cancel = !source.IsCancellationRequested;
            source.Cancel();
        });
        return source.Token;
    }

    static IDisposable? Terminate { get; set; }
}
