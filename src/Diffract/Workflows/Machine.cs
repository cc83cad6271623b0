using System.Globalization;

namespace Diffract.Workflows;

/// <summary>The computer as the operating system describes it. What it does not tell is null, or empty.</summary>
/// <param name="Processor">The processor's own name.</param>
/// <param name="Flags">Its instruction sets, in Linux's words: "avx2", "avx512f", "amx_bf16".</param>
/// <param name="Cores">Those that this process may run on, rounded up where a container grants a share.</param>
/// <param name="CoreLimit">What a container (cgroup) grants, in cores.</param>
/// <param name="Memory">Bytes.</param>
/// <param name="MemoryAvailable">Bytes.</param>
/// <param name="MemoryLimit">Bytes that a container grants.</param>
public sealed record Machine(string Processor, IReadOnlySet<string> Flags, int Cores, double? CoreLimit, long? Memory, long? MemoryAvailable, long? MemoryLimit)
{
    public bool Avx2 => Flags.Contains("avx2");

    /// <summary>The subset that every server processor with AVX-512 has, and that the kernels ask for.</summary>
    public bool Avx512 => Flags.IsSupersetOf(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]);

    /// <summary>Products of bfloat16 in hardware.</summary>
    public bool BFloat16 => Flags.Contains("avx512_bf16") || Amx;

    public bool Amx => Flags.Contains("amx_bf16");

    /// <summary>The instructions that the project's own kernels choose.</summary>
    public string KernelPath => Avx512 ? "AVX-512" : Avx2 && Flags.Contains("fma") ? "AVX2" : "no vector instructions asked for";

    /// <summary>Bytes that this process can hope for.</summary>
    public long? UsableMemory => MemoryLimit is { } limit && Memory is { } all ? Math.Min(limit, all) : Memory ?? MemoryLimit;

    /// <param name="root">Where /proc and /sys are.</param>
    public static Machine Read(string root = "/")
    {
        var processor = Pairs(Path.Combine(root, "proc/cpuinfo"));
        var memory = Pairs(Path.Combine(root, "proc/meminfo"));
        var total = Kilobytes(memory, "MemTotal");
        var limit = ControlGroup.Read(root);
        return new(processor.GetValueOrDefault("model name", "unknown processor"), (processor.GetValueOrDefault("flags") ?? processor.GetValueOrDefault("Features", "")).Split(' ').ToHashSet(),
            Environment.ProcessorCount, limit.Cores, total, Kilobytes(memory, "MemAvailable"), limit.Memory < total ? limit.Memory : null);
    }

    // Lines "name : value"; of a name that comes again, as with every core, the first.
    static Dictionary<string, string> Pairs(string path)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            if (line.Split(':', 2) is [var name, var value])
            {
                pairs.TryAdd(name.Trim(), value.Trim());
            }
        }
        return pairs;
    }

    static long? Kilobytes(Dictionary<string, string> pairs, string name) =>
        long.TryParse(pairs.GetValueOrDefault(name)?.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number * 1024 : null;
}
