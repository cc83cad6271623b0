using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How patiently something is fetched.</summary>
public sealed record DownloadSettings
{
    /// <summary>Attempts in a row that bring nothing new before it is given up.</summary>
    public int Attempts { get; init; } = 5;
    /// <summary>Between attempts.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(3);
    /// <summary>Without a byte for so long, a connection is taken for dead.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>
/// Fetches one file over HTTP into a partial file, and goes on where an earlier attempt stopped if the server still has the same file: the tag that it gave
/// the file lies beside the partial one.
/// </summary>
/// <param name="partial">Grows until the file is whole.</param> <param name="expected">Bytes of the whole file; null where unknown.</param>
sealed class Download(Uri address, string partial, long? expected, DownloadSettings settings, Action<Progress>? report, CancellationToken cancellation)
{
    // Content as it lies there: a compressed body could not be taken up in its middle.
    static readonly HttpClient Client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = TimeSpan.FromSeconds(20) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { { "User-Agent", "diffract" } },
    };

    readonly string _tagPath = partial + ".tag";

    long Have => File.Exists(partial) ? new FileInfo(partial).Length : 0;

    /// <exception cref="IOException">The server cannot be reached, has no such file or another one, or the disk is full. What was fetched is kept.</exception>
    public async Task Run()
    {
        var answered = false;
        for (var left = settings.Attempts; ;)
        {
            var before = Have;
            string? trouble;
            try
            {
                using var response = await Ask();
                answered = true;
                trouble = await Take(response);
            }
            catch (HttpRequestException exception) when (answered)
            {
                trouble = exception.Message;
            }
            catch (HttpRequestException exception)
            {
                throw new IOException($"{address.Host} cannot be reached: {exception.Message}. Is there a network? The file may also be fetched elsewhere and given as --model FILE: {address}");
            }
            if (trouble is null)
            {
                File.Delete(_tagPath);
                return;
            }
            left = Have > before ? settings.Attempts : left - 1;
            if (left <= 0)
            {
                throw new IOException($"{address}: {trouble}. {Have:n0} bytes are kept; the same command goes on from there");
            }
            await Task.Delay(settings.Pause, cancellation);
        }
    }

    async Task<HttpResponseMessage> Ask()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (Have > 0 && File.Exists(_tagPath) && RangeConditionHeaderValue.TryParse(await File.ReadAllTextAsync(_tagPath, cancellation), out var sameFile))
        {
            request.Headers.Range = new RangeHeaderValue(Have, null);
            request.Headers.IfRange = sameFile;
        }
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(settings.Silence);
        try
        {
            return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"no answer in {settings.Silence.TotalSeconds:n0} s");
        }
    }

    // Null when the file is whole, else what went wrong on the way.
    async Task<string?> Take(HttpResponseMessage response)
    {
        var range = response.Content.Headers.ContentRange;
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when range?.From == Have:
                return await Append(response, FileMode.Append, range.Length);
            case HttpStatusCode.OK:
                return await Append(response, FileMode.Create, response.Content.Headers.ContentLength);
            case HttpStatusCode.RequestedRangeNotSatisfiable when range?.Length == Have && range.Length == (expected ?? range.Length):
                return null;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                File.Delete(partial);                                                      // not the part that was asked for: from the start
                return "the server sent another part of the file than was asked for";
            case HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError:
                return $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}";
            default:
                throw new IOException($"{address}: the server answered {(int)response.StatusCode} {response.ReasonPhrase}");
        }
    }

    async Task<string?> Append(HttpResponseMessage response, FileMode mode, long? total)
    {
        if (total is { } stated && expected is { } wanted && stated != wanted)
        {
            throw new IOException($"{address}: the server's file has {stated:n0} bytes, the published one has {wanted:n0}: it is another file");
        }
        total ??= expected;
        CheckSpace(total - (mode == FileMode.Append ? Have : 0));
        await using var file = new FileStream(partial, mode, FileAccess.Write, FileShare.None);
        if (mode == FileMode.Create)
        {
            RememberTag(response);
        }
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        var trouble = await Copy(body, file, total);
        file.Flush(flushToDisk: true);
        return trouble;
    }

    async Task<string?> Copy(Stream body, FileStream file, long? total)
    {
        const long Mega = 1_000_000;
        var meter = new ProgressMeter("fetch", "MB", file.Length / Mega, (total ?? 0) / Mega, report);
        var buffer = new byte[1 << 20];
        for (var have = file.Length; ;)
        {
            int count;
            try
            {
                using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                silence.CancelAfter(settings.Silence);
                count = await body.ReadAsync(buffer, silence.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return $"nothing came for {settings.Silence.TotalSeconds:n0} s";
            }
            catch (Exception exception) when (exception is IOException or HttpRequestException)
            {
                return $"the connection broke: {exception.Message.TrimEnd('.')}";
            }
            if (count == 0)
            {
                return total is null || have == total ? null : $"the connection ended at {have:n0} of {total:n0} bytes";
            }
            have += count;
            if (have > (total ?? long.MaxValue))
            {
                throw new IOException($"{address}: the server sends more than the {total:n0} bytes it stated");
            }
            await file.WriteAsync(buffer.AsMemory(0, count), CancellationToken.None);
            meter.Report(have / Mega);
        }
    }

    void CheckSpace(long? needed)
    {
        var free = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(partial))!).AvailableFreeSpace;
        if (needed > free)
        {
            throw new IOException($"{Path.GetDirectoryName(partial)}: {free:n0} bytes are free, {needed:n0} are needed. Set XDG_CACHE_HOME to a folder on a larger disk");
        }
    }

    // A weak tag does not promise equal bytes; the time of the last change is the next best.
    void RememberTag(HttpResponseMessage response)
    {
        var tag = response.Headers.ETag is { IsWeak: false } strong ? strong.ToString() : response.Content.Headers.LastModified?.ToString("r");
        if (tag is null)
        {
            File.Delete(_tagPath);
            return;
        }
        AtomicFile.Write(_tagPath, Encoding.ASCII.GetBytes(tag));
    }
}
