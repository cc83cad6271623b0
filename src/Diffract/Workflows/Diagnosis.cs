using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Something that is wrong with an installation.</summary>
/// <param name="What">What was found, and what it costs.</param>
/// <param name="Fix">What to do.</param>
/// <param name="Stops">True where work on pictures is impossible until it is put right; else it is slower or smaller than it could be.</param>
public sealed record Fault(string What, string Fix, bool Stops = false);

/// <summary>What Diffract finds on a machine, and what is wrong with it.</summary>
public sealed record Diagnosis
{
    public required Machine Machine { get; init; }
    /// <summary>Null where libtorch cannot be loaded.</summary>
    public required EngineFacts? Engine { get; init; }
    /// <summary>Why libtorch cannot be loaded.</summary>
    public string? EngineError { get; init; }
    /// <summary>NVIDIA's GPUs that the driver knows, whether libtorch can use them or not.</summary>
    public IReadOnlyList<string> Gpus { get; init; } = [];
    public bool HasWebP { get; init; } = true;
    public string CacheFolder { get; init; } = Torch.CacheFolder.Root;
    /// <summary>Bytes free on the cache's disk.</summary>
    public long? CacheFree { get; init; }
    /// <summary>The version of the libtorch that LIBTORCH names; null without one.</summary>
    public string? NamedLibtorch { get; init; }
    /// <summary>The environment variables that matter here, as the user has set them.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<Fault> Faults => [.. DiagnosisRules.Faults(this)];

    public bool IsUsable => !Faults.Any(fault => fault.Stops);

    static readonly string[] Variables = ["LIBTORCH", "TORCHVISION", "DIFFRACT_NATIVE", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY", "DIFFRACT_KERNELS", "DIFFRACT_HOST_MEMORY"];

    /// <summary>Looks at everything; what cannot be had is left out, whatever the reason.</summary>
    public static Diagnosis Run()
    {
        var (engine, error) = Engines();
        var environment = UserEnvironment();
        return new()
        {
            Machine = Machine.Read(), Engine = engine, EngineError = error, Gpus = [.. NvidiaDriver()], HasWebP = WebP.IsThere, CacheFree = Free(Torch.CacheFolder.Root),
            NamedLibtorch = environment.TryGetValue("LIBTORCH", out var folder) ? LibtorchFolder.Version(folder) : null, Environment = environment,
        };
    }

    /// <summary>Of the environment variables that change what libtorch does or how fast, those that the user has set.</summary>
    public static IReadOnlyDictionary<string, string> UserEnvironment() => Variables.Except(NativeLibraries.VariablesSet).Select(name => (Name: name, Value: System.Environment.GetEnvironmentVariable(name)))
        .Where(pair => pair.Value is { Length: > 0 }).ToDictionary(pair => pair.Name, pair => pair.Value!);

    static (EngineFacts?, string?) Engines()
    {
        try
        {
            return (EngineFacts.Read(), null);
        }
        catch (Exception exception) when (exception is TorchException or DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return (null, exception.Message.ReplaceLineEndings(" "));
        }
    }

    static IEnumerable<string> NvidiaDriver()
    {
        const string Folder = "/proc/driver/nvidia/gpus";
        IEnumerable<string> files = Directory.Exists(Folder) ? Directory.EnumerateFiles(Folder, "information", SearchOption.AllDirectories).Order() : [];
        foreach (var file in files)
        {
            yield return File.ReadLines(file).FirstOrDefault(line => line.StartsWith("Model:", StringComparison.Ordinal))?["Model:".Length..].Trim() ?? "unknown";
        }
    }

    // Of the nearest folder above that is there.
    static long? Free(string folder)
    {
        try
        {
            for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            {
                if (at.Exists)
                {
                    return new DriveInfo(at.FullName).AvailableFreeSpace;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
        return null;
    }
}
