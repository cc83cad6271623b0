using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Diffract.Torch;

/// <summary>
/// Finds and loads the native parts: the environment first, then libtorch where LIBTORCH names one, then the shim.
/// What libtorch reads from the environment when it is loaded is set here, and only where the user has not set it.
/// </summary>
public static partial class NativeLibraries
{
    static readonly Lock Gate = new();
    static nint _shim;

    /// <summary>Where the shim was loaded from; null before the first use of a tensor.</summary>
    public static string? ShimPath { get; private set; }

    /// <summary>The environment variables that were set here, since the user had not.</summary>
    public static IReadOnlyCollection<string> VariablesSet => Chosen;

    static readonly List<string> Chosen = [];

    // The first call into the shim, from whatever thread, comes through here.
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "It only registers a callback; a static constructor would wrap the errors of loading in TypeInitializationException.")]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, (name, _, _) => name == Native.Library ? Shim() : 0);

    static nint Shim()
    {
        lock (Gate)
        {
            if (_shim == 0)
            {
                SetEnvironment();
                PreloadLibtorch();
                _shim = LoadShim();
                SetThreads(_shim);
            }
            return _shim;
        }
    }

    static void SetEnvironment()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        SetUnlessSet("UCX_ERROR_SIGNALS", "");              // UCX, which Debian 13's libtorch brings, would end the process at signals that .NET makes exceptions of
        if (!Avx512F.IsSupported)
        {
            return;
        }
        SetUnlessSet("OPENBLAS_CORETYPE", "SkylakeX");     // OpenBLAS before 0.3.24 takes a slow kernel on processors it does not know
        SetUnlessSet("ATEN_CPU_CAPABILITY", "avx512");     // libtorch 1.13 stays with AVX2 unless told
    }

    // .NET keeps its own copy of the environment, so libc's must be written: that is the one native code reads.
    static void SetUnlessSet(string name, string value)
    {
        if (SetEnv(name, value, overwrite: 0) == 0 && Environment.GetEnvironmentVariable(name) is null)
        {
            Environment.SetEnvironmentVariable(name, value);
            Chosen.Add(name);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    static void PreloadLibtorch()
    {
        if (Environment.GetEnvironmentVariable("LIBTORCH") is not { Length: > 0 } root)
        {
            return;
        }
        foreach (var library in (string[])["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"])
        {
            var path = Path.Combine(root, "lib", library);
            if (File.Exists(path))
            {
                NativeLibrary.TryLoad(path, out _);
            }
            else if (library == "libtorch_cpu.so")
            {
                throw new TorchException($"LIBTORCH={root}: there is no lib/{library} in it. LIBTORCH must name the folder that holds include/ and lib/ of libtorch (of pip's torch: the `torch` folder).");
            }
        }
    }

    static nint LoadShim()
    {
        var file = OperatingSystem.IsMacOS() ? "libdiffract_native.dylib" : "libdiffract_native.so";
        var reasons = new List<string>();
        foreach (var folder in ShimFolders())
        {
            var path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                continue;
            }
            try
            {
                var handle = NativeLibrary.Load(path);
                ShimPath = path;
                return handle;
            }
            catch (DllNotFoundException exception)
            {
                reasons.Add(exception.Message.ReplaceLineEndings(" "));
            }
        }
        throw new TorchException(reasons.Count == 0
            ? $"{file} was not found beside {AppContext.BaseDirectory} or in DIFFRACT_NATIVE. Build it: in a source tree `./diffract doctor` does so; else run cmake on native/, which the package Diffract.Torch holds too, and set DIFFRACT_NATIVE to the folder of {file}."
            : $"{file} was found, but libtorch could not be loaded with it: {reasons[^1]}. Install libtorch (Debian, Ubuntu: apt-get install libtorch-dev) or set LIBTORCH to its folder; the shim must be built against the same version: where it was not, run cmake on native/ and set DIFFRACT_NATIVE to the folder of {file}.");
    }

    static IEnumerable<string> ShimFolders()
    {
        if (Environment.GetEnvironmentVariable("DIFFRACT_NATIVE") is { Length: > 0 } folder)
        {
            yield return folder;
        }
        var here = AppContext.BaseDirectory;
        yield return here;
        yield return Path.Combine(here, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");      // may be debian.12-x64
        yield return Path.Combine(here, "runtimes", $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "native");
        var listed = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";                 // the native folders of the program's packages
        foreach (var known in listed.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            yield return known;
        }
        for (var up = new DirectoryInfo(here).Parent; up is not null; up = up.Parent)
        {
            if (File.Exists(Path.Combine(up.FullName, "Diffract.slnx")))
            {
                yield return Path.Combine(up.FullName, "build", "native");
            }
        }
    }

    // libtorch may start with one thread on two cores. OMP_NUM_THREADS and the affinity of the process are respected.
    static unsafe void SetThreads(nint shim)
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is not { Length: > 0 })
        {
            ((delegate* unmanaged<int, int>)NativeLibrary.GetExport(shim, nameof(Native.diffract_threads)))(Environment.ProcessorCount);
        }
    }
}
