using System.Globalization;

namespace Diffract.Workflows;

/// <summary>What is wrong with an installation, from what was found alone.</summary>
static class DiagnosisRules
{
    const long LittleMemory = 4L << 30, LittleDisk = 4L << 30;

    public static IEnumerable<Fault> Faults(Diagnosis found) =>
        [.. found.Engine is { } engine ? [.. Libtorch(found, engine), .. Pictures(engine), .. Blas(found, engine), .. Threads(found, engine), .. Cuda(found, engine)] : NoLibtorch(found), .. Rest(found)];

    static IEnumerable<Fault> NoLibtorch(Diagnosis found)
    {
        var named = found.Environment.TryGetValue("LIBTORCH", out var folder)
            ? $"LIBTORCH={folder} ({(found.NamedLibtorch is { } version ? $"libtorch {version}" : "no libtorch is recognised there")}) must name the folder of the libtorch that the shim was built for; unset it to use the system's. "
            : "Install libtorch (Debian, Ubuntu: apt-get install libtorch-dev) or set LIBTORCH to its folder. ";
        yield return new($"libtorch cannot be used: {found.EngineError}", named + "In a source tree, ./diffract then builds the shim again; if it does not help, delete build/native first.", Stops: true);
    }

    static IEnumerable<Fault> Libtorch(Diagnosis found, EngineFacts engine)
    {
        if (!found.Environment.TryGetValue("LIBTORCH", out var folder))
        {
            yield break;
        }
        if (found.NamedLibtorch is { } version && version != engine.Version.Split('+')[0])
        {
            yield return new($"LIBTORCH={folder} is libtorch {version}, the shim was built for {engine.Version}.", "Build the shim for it: in a source tree delete build/native and start ./diffract again; or unset LIBTORCH.", Stops: true);
        }
        else if (engine.Path is { } path && !SameFolder(path, Path.Combine(folder, "lib")))
        {
            yield return new($"LIBTORCH={folder}, but {path} is in use.", "Unset LIBTORCH, or remove what LD_LIBRARY_PATH or LD_PRELOAD puts before it.");
        }
    }

    static IEnumerable<Fault> Pictures(EngineFacts engine)
    {
        if (engine.PictureLibrary is null && engine.PictureError is { } error)
        {
            yield return new("No JPEG or PNG can be read: " + error, "Install the torchvision that belongs to this libtorch (Debian, Ubuntu: apt-get install python3-torchvision; with pip's torch: pip install torchvision), or set TORCHVISION to its folder.", Stops: true);
        }
    }

    static IEnumerable<Fault> Blas(Diagnosis found, EngineFacts engine)
    {
        if (engine.Blas is { Name: "reference BLAS" } slow)
        {
            yield return new($"Matrix products are computed by the reference BLAS ({slow.Path}), tens of times slower than need be.", "apt-get install libopenblas0-openmp");
        }
        if (engine.Blas is { Kernel: { } kernel } blas)
        {
            var set = found.Environment.GetValueOrDefault("OPENBLAS_CORETYPE");
            if (found.Machine.Avx512 && !blas.UsesAvx512)
            {
                yield return new($"OpenBLAS {blas.Version} uses its {kernel} kernels though the processor has AVX-512: float32 products take up to twice as long.",
                    set is null ? "Set OPENBLAS_CORETYPE=SkylakeX." : $"OPENBLAS_CORETYPE={set} is set in your environment: unset it.");
            }
            else if (found.Machine.Avx2 && kernel is "Prescott" or "Core2" or "Nehalem" or "Sandybridge" or "Barcelona" or "Generic")
            {
                yield return new($"OpenBLAS {blas.Version} uses its {kernel} kernels though the processor has AVX2: float32 products take several times as long.",
                    set is null ? "Set OPENBLAS_CORETYPE=Haswell." : $"OPENBLAS_CORETYPE={set} is set in your environment: unset it.");
            }
        }
        if (engine.Blas is { OwnThreads: true } && engine.Threads > 1)
        {
            yield return new("This OpenBLAS has threads of its own, which get in the way of libtorch's.", "apt-get install libopenblas0-openmp");
        }
        if (found.Machine.Avx512 && engine.Capability is "AVX2" or "DEFAULT" or "NO AVX")
        {
            yield return new($"libtorch's own kernels use {engine.Capability} though the processor has AVX-512.",
                found.Environment.TryGetValue("ATEN_CPU_CAPABILITY", out var capability) ? $"ATEN_CPU_CAPABILITY={capability} is set in your environment: unset it." : "Set ATEN_CPU_CAPABILITY=avx512.");
        }
    }

    static IEnumerable<Fault> Threads(Diagnosis found, EngineFacts engine)
    {
        if (engine.Threads == 1 && found.Machine.Cores > 1)
        {
            yield return new($"libtorch uses one thread of {found.Machine.Cores} cores.",
                found.Environment.TryGetValue("OMP_NUM_THREADS", out var set) ? $"OMP_NUM_THREADS={set} is set in your environment: unset it." : $"Set OMP_NUM_THREADS={found.Machine.Cores}.");
        }
        else if (engine.Threads > found.Machine.Cores)
        {
            yield return new($"libtorch uses {engine.Threads} threads on {found.Machine.Cores} cores, which slows it down.", $"Unset OMP_NUM_THREADS, or set it to {found.Machine.Cores}.");
        }
    }

    static IEnumerable<Fault> Cuda(Diagnosis found, EngineFacts engine)
    {
        if (found.Gpus.Count > 0 && engine.CudaDevices == 0)
        {
            yield return new($"There is a GPU ({found.Gpus[0]}), which this libtorch cannot use.", "Set LIBTORCH to a libtorch with CUDA, such as the folder of pip's torch, and start again.");
        }
    }

    static IEnumerable<Fault> Rest(Diagnosis found)
    {
        if (!found.HasWebP)
        {
            yield return new("WebP pictures cannot be read: there is no libwebp.", "apt-get install libwebp7");
        }
        if (found.Machine.UsableMemory is < LittleMemory and { } memory)
        {
            yield return new(string.Create(CultureInfo.InvariantCulture, $"{memory / (double)(1 << 30):f1} GiB of memory{(found.Machine.MemoryLimit is null ? "" : " (the container's limit)")}: a 256x256 model needs about 4 GiB."),
                "Use --precision bf16, which halves the weights, and a small --batch; or a smaller model.");
        }
        if (found.CacheFree is < LittleDisk and { } free)
        {
            yield return new(string.Create(CultureInfo.InvariantCulture, $"{free / (double)(1 << 30):f1} GiB are free for {found.CacheFolder}."), "Make room, or set XDG_CACHE_HOME to a folder on another disk.");
        }
    }

    static bool SameFolder(string file, string folder) => Target(Path.GetDirectoryName(file)!) == Target(folder);

    static string Target(string folder) => Directory.Exists(folder) ? new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(folder).TrimEnd('/') : folder;
}
