using System.Diagnostics;

namespace Diffract.Workflows;

/// <summary>How far something long has come; every workflow reports through one callback of these.</summary>
/// <param name="Activity">What is being done: "extract", "pretrain".</param>
/// <param name="Done">Units done, those of earlier, interrupted runs included.</param>
/// <param name="Total">Units in all.</param>
/// <param name="Unit">"pictures", "steps".</param>
/// <param name="PerSecond">Units a second in this run; 0 while unknown.</param>
/// <param name="Note">A figure worth seeing, such as the loss; may be empty.</param>
public sealed record Progress(string Activity, long Done, long Total, string Unit, double PerSecond, string Note = "")
{
    /// <summary>Null while the rate is unknown.</summary>
    public TimeSpan? Left => PerSecond > 0 ? TimeSpan.FromSeconds((Total - Done) / PerSecond) : null;
}

/// <summary>Measures the rate of what is reported, over this run alone.</summary>
public sealed class ProgressMeter(string activity, string unit, long start, long total, Action<Progress>? report)
{
    readonly Stopwatch _clock = Stopwatch.StartNew();

    public void Report(long done, string note = "")
    {
        var seconds = _clock.Elapsed.TotalSeconds;
        report?.Invoke(new(activity, done, total, unit, seconds > 0 ? (done - start) / seconds : 0, note));
    }
}
