using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What an extraction will take, from a short measurement.</summary>
/// <param name="Seconds">All pictures, all passes.</param> <param name="DiskBytes">The finished store's shards.</param> <param name="MemoryBytes">Of the process, at its peak so far: weights, maps and one shard.</param>
/// <param name="PackedBytes">Of it the weights in the form that convolutions read, which <see cref="Nn.Kernels.PackedMemory"/> bounds.</param>
public sealed record ExtractEstimate(int Pictures, int Passes, double SecondsPerPicture, double Seconds, long DiskBytes, long MemoryBytes, long PackedBytes, int Batch)
{
    /// <summary>Runs one batch twice and times the second time; writes nothing.</summary>
    public static ExtractEstimate Measure(Backbone backbone, ExtractItems items, FeatureRequest request, ExtractOptions options)
    {
        options.Check();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(backbone.Schedule));
        var extractor = new FeatureExtractor(backbone.Net, diffusion, request);
        var batch = Math.Min(options.BatchFor(request), items.Items.Count);
        var part = items.Items.Take(batch).ToArray();
        double Once()
        {
            var clock = Stopwatch.StartNew();
            new ShardWriter(extractor, items.Set, part, 0, batch, options).Fill(_ => { }, default);
            return clock.Elapsed.TotalSeconds;
        }
        Once();
        var each = Once() / batch;
        var bytes = Extract.BytesPerPicture(request, extractor.Layout);
        using var process = Process.GetCurrentProcess();
        return new(items.Items.Count, request.Passes, each, each * items.Items.Count, bytes * items.Items.Count, process.PeakWorkingSet64 + Math.Min(64 << 20, bytes * items.Items.Count), backbone.Loaded?.Store.PackedBytes ?? 0, batch);
    }

    /// <summary>Five lines for people, or one of JSON.</summary>
    public string ToString(bool json) => json ? JsonSerializer.Serialize(this, JsonSerializerOptions.Web) : string.Create(CultureInfo.InvariantCulture,
        $"""
        pictures  {Pictures:n0}, {Passes} passes each, {Batch} a batch
        time      {Span(Seconds)} ({SecondsPerPicture:g3} s a picture, measured)
        disk      {Size(DiskBytes)}
        memory    about {Size(MemoryBytes)}{(PackedBytes == 0 ? "" : $", of it {Size(PackedBytes)} for faster convolutions (--packed-memory bounds that)")}
        """);

    internal static string Span(double seconds) => seconds switch
    {
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{seconds:f0} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:f0} min"),
        < 172800 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:f1} h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 86400:f1} days"),
    };

    internal static string Size(long bytes) => bytes < 1 << 30 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:f1} MiB") : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:f2} GiB");
}
