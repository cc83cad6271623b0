using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Diffract.Cli.Bench;

/// <summary>Plain PyTorch, bench/peer/adm_eager.py: what our speed is compared with.</summary>
sealed record Peer(string Python, string Script)
{
    /// <summary>The first python3 that has torch, and the script in the source tree.</summary>
    /// <param name="missing">Where there is none: why.</param>
    public static Peer? Find(out string missing)
    {
        var script = SourceTree.Root is { } root ? Path.Combine(root, "bench", "peer", "adm_eager.py") : null;
        var python = ((string[])["python3", "/usr/bin/python3"]).FirstOrDefault(python => ChildProcess.Succeeds(python, "-c", "import torch"));
        missing = !File.Exists(script) ? "bench/peer/adm_eager.py is not there: the comparison runs in a source tree only"
            : python is null ? "no python3 here has torch (Debian, Ubuntu: apt-get install python3-torch)"
            : "";
        return missing.Length > 0 ? null : new(python!, script!);
    }

    /// <summary>The peer, unless it is not wanted; where it is not there, a note says why.</summary>
    public static Peer? Of(ParseResult arguments, BenchOptions options)
    {
        if (arguments.GetValue(options.NoPeer))
        {
            return null;
        }
        var peer = Find(out var missing);
        if (peer is null)
        {
            Console.Error.WriteLine($"note: no comparison with PyTorch: {missing}");
        }
        return peer;
    }

    /// <param name="verb">"time", "train" or "feedback".</param>
    public Contender Contender(string name, string verb, params IEnumerable<string> options) => new(name, Python, [Script, verb, .. options], verb == "time" ? ReadTime : ReadTrain);

    static Turn ReadTime(string json) => Read(json, root => root.GetProperty("median").GetDouble());

    static Turn ReadTrain(string json) => Read(json, root => 1 / root.GetProperty("median").GetDouble());

    static Turn Read(string json, Func<JsonElement, double> secondsPerPicture)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return new(secondsPerPicture(root), null, null, root.GetProperty("threads").GetInt32(), $"torch {root.GetProperty("torch").GetString()}");
    }

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
