namespace Diffract.Torch;

/// <summary>The native libraries that are in the process now.</summary>
public static class LoadedLibraries
{
    const string Maps = "/proc/self/maps";

    /// <summary>Full paths, each once; empty where the system does not tell.</summary>
    public static IReadOnlyList<string> Paths => !File.Exists(Maps) ? []
        : [.. File.ReadLines(Maps).Select(PathOf).OfType<string>().Where(path => path.Contains(".so")).Distinct()];

    /// <summary>The one whose file name begins with <paramref name="name"/>; null where it is not loaded.</summary>
    public static string? Find(string name) => Paths.FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal));

    // address perms offset device inode path
    static string? PathOf(string line) => line.IndexOf('/') is var at && at > 0 ? line[at..] : null;
}
