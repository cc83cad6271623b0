using Diffract.Torch;

namespace Diffract.Data;

/// <summary>Finds and loads torchvision's library of picture operators (image::decode_jpeg and so on).</summary>
public static class PictureOperators
{
    static readonly Lock Gate = new();
    static bool _loaded;

    /// <summary>The library that is in use; null before the first picture.</summary>
    public static string? LibraryPath { get; private set; }

    /// <summary>Loads the library, unless its operators are there already.</summary>
    /// <exception cref="TorchException">It is not found, or is built for another libtorch.</exception>
    public static void Load()
    {
        if (Volatile.Read(ref _loaded)) { return; }
        lock (Gate)
        {
            if (_loaded) { return; }
            if (!Torch.Torch.HasOperator("image::decode_jpeg"))
            {
                string path = Find() ?? throw new TorchException(
                    "torchvision's picture operators (image*.so) were not found. Install them (Debian, Ubuntu: apt-get install python3-torchvision) "
                    + "or set TORCHVISION to the torchvision folder that belongs to your libtorch.");
                NativeLibraries.LoadOperators(path);
                LibraryPath = path;
            }
            Volatile.Write(ref _loaded, true);
        }
    }

    static string? Find() => Folders().Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "image*.so").Order(StringComparer.Ordinal)).FirstOrDefault();

    static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("TORCHVISION") is { Length: > 0 } named)
        {
            yield return named;
            yield break;
        }
        if (Environment.GetEnvironmentVariable("LIBTORCH") is { Length: > 0 } libtorch)
        {
            yield return Path.GetFullPath(Path.Combine(libtorch, "..", "torchvision"));   // pip puts them side by side
            yield break;                                                                  // the system's belongs to another libtorch
        }
        yield return "/usr/lib/python3/dist-packages/torchvision";
    }
}
