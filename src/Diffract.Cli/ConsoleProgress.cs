using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>
/// Progress on the error stream: one line that renews itself on a terminal, a plain line every ten seconds elsewhere,
/// a JSON object a line where --json was given.
/// </summary>
sealed class ConsoleProgress(bool json) : IDisposable
{
    readonly bool _terminal = !Console.IsErrorRedirected && !json;
    readonly Stopwatch _clock = Stopwatch.StartNew();
    TimeSpan _next;
    bool _open;

    public void Report(Progress progress)
    {
        var last = progress.Done == progress.Total;
        if (_clock.Elapsed < _next && !last)
        {
            return;
        }
        _next = _clock.Elapsed + (_terminal ? TimeSpan.FromSeconds(0.2) : json ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(10));
        if (json)
        {
            Console.Error.WriteLine(JsonSerializer.Serialize(new { progress = progress.Activity, progress.Done, progress.Total, progress.Unit, progress.PerSecond, secondsLeft = progress.Left?.TotalSeconds, progress.Note }, JsonOutput.Options));
            return;
        }
        Console.Error.Write(_terminal ? "\r\u001b[K" + Text(progress) : Text(progress) + Environment.NewLine);
        _open = _terminal;
        if (last)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        if (_open)
        {
            Console.Error.WriteLine();
        }
        _open = false;
    }

    static string Text(Progress p) => string.Create(CultureInfo.InvariantCulture,
        $"{p.Activity}: {p.Done:n0} of {p.Total:n0} {p.Unit} ({(p.Total > 0 ? 100.0 * p.Done / p.Total : 100):f0} %){Rate(p)}{Left(p)}{(p.Note.Length > 0 ? ", " + p.Note : "")}");

    static string Rate(Progress p) => p.PerSecond <= 0 ? "" : p.PerSecond >= 1
        ? string.Create(CultureInfo.InvariantCulture, $", {p.PerSecond:f1} {p.Unit}/s")
        : string.Create(CultureInfo.InvariantCulture, $", {1 / p.PerSecond:f1} s each");

    static string Left(Progress p) => p.Left is not { } left || p.Done == p.Total ? "" : left.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $", {(int)left.TotalHours} h {left.Minutes:00} min left")
        : string.Create(CultureInfo.InvariantCulture, $", {(int)left.TotalMinutes}:{left.Seconds:00} left");
}
