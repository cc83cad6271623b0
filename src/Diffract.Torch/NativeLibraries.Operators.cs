using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Diffract.Torch;

public static partial class NativeLibraries
{
    const int Lazy = 1, Global = 0x100; // RTLD_LAZY, RTLD_GLOBAL

    /// <summary>Loads a library of further operators, such as torchvision's; they are then found by name.</summary>
    /// <exception cref="TorchException">The file cannot be loaded.</exception>
    public static void LoadOperators(string path)
    {
        Shim();
        try
        {
            LoadWithPython(path);
        }
        catch (DllNotFoundException exception)
        {
            throw new TorchException($"{path}: this operator library cannot be loaded: {exception.Message.ReplaceLineEndings(" ").Trim()} "
                + $"It must be built for libtorch {Torch.Version}{PythonHint(path, exception.Message)}.");
        }
    }

    // Some builds of torchvision 0.2x name symbols of Python in their picture library, though no operator calls one. Python's
    // library is enough then; no interpreter is started.
    static void LoadWithPython(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (DllNotFoundException exception) when (NeedsPython(exception.Message))
        {
            foreach (var python in PythonLibraries(path))
            {
                if (DlOpen(python, Lazy | Global) != 0) { break; }
            }
            NativeLibrary.Load(path);
        }
    }

    // The file's name tells Python's version: image.cpython-313-x86_64-linux-gnu.so.
    static IEnumerable<string> PythonLibraries(string path)
    {
        if (PythonVersion(path) is not { } version) { yield break; }
        var name = $"libpython{version}.so.1.0";
        yield return name;                                                                         // where the loader looks
        yield return Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../..", name)); // lib/python3.13/site-packages/torchvision
    }

    static string PythonHint(string path, string reason) => NeedsPython(reason) && PythonVersion(path) is { } version
        ? $", and it needs libpython{version}.so.1.0 (Debian, Ubuntu: apt-get install libpython{version})"
        : "";

    static string? PythonVersion(string path) =>
        PythonTag().Match(Path.GetFileName(path)) is { Success: true } tag ? $"3.{tag.Groups[1].Value}" : null;

    static bool NeedsPython(string reason) => PythonSymbol().IsMatch(reason);

    [GeneratedRegex(@"\.cpython-3(\d+)-")]
    private static partial Regex PythonTag();

    [GeneratedRegex(@"undefined symbol: _?Py")]
    private static partial Regex PythonSymbol();

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint DlOpen(string path, int flags);
}
