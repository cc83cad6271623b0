using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diffract.Tests.Workflows;

/// <summary>An HTTP server of one file on this machine, which can misbehave.</summary>
sealed class SmallServer : IDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly byte[] _content;
    readonly Task _running;

    public SmallServer(byte[] content)
    {
        _content = content;
        _listener.Start();
        _running = Task.Run(Serve);
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/net.pt");

    public string? Tag { get; set; } = "\"first\"";
    /// <summary>Answers with the whole file whatever part is asked for.</summary>
    public bool IgnoresRange { get; init; }
    public int Status { get; set; } = 200;
    /// <summary>Breaks each connection after so many bytes of the body.</summary>
    public int BreaksAfter { get; set; } = int.MaxValue;
    /// <summary>The Range headers that came, "" where there was none.</summary>
    public List<string> Asked { get; } = [];

    async Task Serve()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception exception) when (exception is SocketException or InvalidOperationException)
            {
                return;                                                                    // the test is over
            }
            using (client)
            {
                try
                {
                    await Answer(client.GetStream());
                }
                catch (IOException)
                {
                    // The client has gone; the next one may come.
                }
            }
        }
    }

    async Task Answer(NetworkStream stream)
    {
        var headers = await Headers(stream);
        lock (Asked)
        {
            Asked.Add(headers.GetValueOrDefault("Range", ""));
        }
        var from = 0;
        if (!IgnoresRange && headers.TryGetValue("Range", out var range) && headers.GetValueOrDefault("If-Range") == Tag)
        {
            from = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
        }
        var status = Status != 200 ? Status : from >= _content.Length && from > 0 ? 416 : from > 0 ? 206 : 200;
        var body = status is 200 or 206 ? _content.AsMemory(from) : default;
        var answer = new StringBuilder($"HTTP/1.1 {status} Whatever\r\nContent-Length: {body.Length}\r\nConnection: close\r\n");
        answer.Append(Tag is null ? "" : $"ETag: {Tag}\r\n");
        answer.Append(status == 206 ? $"Content-Range: bytes {from}-{_content.Length - 1}/{_content.Length}\r\n" : status == 416 ? $"Content-Range: bytes */{_content.Length}\r\n" : "");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer.Append("\r\n").ToString()));
        await stream.WriteAsync(body[..Math.Min(body.Length, BreaksAfter)]);
    }

    static async Task<Dictionary<string, string>> Headers(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            if (line.Split(": ", 2) is [var name, var value])
            {
                headers[name] = value;
            }
        }
        return headers;
    }

    public void Dispose()
    {
        _listener.Stop();
        _running.Wait();
    }
}
