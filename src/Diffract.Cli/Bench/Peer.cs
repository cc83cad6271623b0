using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Diffract.Cli.Bench;

/// <summary>A script in bench/peer, most often plain PyTorch: what our speed is compared with.</summary>
sealed record Peer(string Python, string Script)
{
    /// <summary>Names of eager PyTorch at the best settings for each type.</summary>
    public const string Float32 = "PyTorch fp32", BFloat16 = "PyTorch bf16, channels last";

    /// <summary>Ours in bfloat16 beside its float32, which on some processors is the faster of its two.</summary>
    public static IEnumerable<(string Ours, string Theirs)> AcrossPrecisions(IReadOnlyCollection<string> measured) => measured.Contains("bf16") && measured.Contains("fp32") ? [("Diffract bf16", Float32)] : [];

    /// <summary>The first python3 that has torch, or what else the script needs, and the script in the source tree.</summary>
    /// <param name="missing">Where there is none: why.</param> <param name="module">torch or PIL.</param>
    public static Peer? Find(out string missing, string name = "adm_eager.py", string module = "torch")
    {
        var script = SourceTree.Root is { } root ? Path.Combine(root, "bench", "peer", name) : null;
        var python = ((string[])["python3", "/usr/bin/python3"]).FirstOrDefault(python => ChildProcess.Succeeds(python, "-c", "import " + module));
        missing = !File.Exists(script) ? $"bench/peer/{name} is not there: the comparison runs in a source tree only"
            : python is null ? $"no python3 here has {module} (Debian, Ubuntu: apt-get install python3-{module.ToLowerInvariant()})"
            : "";
        return missing.Length > 0 ? null : new(python!, script!);
    }

    /// <summary>The peer, unless it is not wanted; where it is not there, a note says why.</summary>
    public static Peer? Of(ParseResult arguments, BenchOptions options, string name = "adm_eager.py", string module = "torch")
    {
        if (arguments.GetValue(options.NoPeer))
        {
            return null;
        }
        var peer = Find(out var missing, name, module);
        if (peer is null)
        {
            Console.Error.WriteLine($"note: nothing to compare with: {missing}");
        }
        return peer;
    }

    // A careful user's settings of glibc: memory that is freed is kept for the next map. Without them PyTorch asks the system for each map anew, and is up to four times slower where
    // page faults are dear; malloc reads them when a process starts.
    static readonly string[] Environment = ["MALLOC_MMAP_THRESHOLD_=4294967296", "MALLOC_TRIM_THRESHOLD_=8589934592", "MALLOC_TOP_PAD_=268435456"];

    /// <param name="verb">Of the script: "train" and "feedback" print pictures a second, all others seconds a picture.</param>
    public Contender Contender(string name, string verb, params IEnumerable<string> options) => new(name, "env", [.. Environment, Python, Script, verb, .. options], verb is "train" or "feedback" ? ReadTrain : ReadTime);

    internal static Turn ReadTime(string json) => Read(json, root => root.GetProperty("median").GetDouble());

    static Turn ReadTrain(string json) => Read(json, root => 1 / root.GetProperty("median").GetDouble());

    static Turn Read(string json, Func<JsonElement, double> secondsPerPicture)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return new(secondsPerPicture(root), null, null, root.GetProperty("threads").GetInt32(), root.TryGetProperty("engine", out var engine) ? engine.GetString()! : $"torch {root.GetProperty("torch").GetString()}");
    }

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
