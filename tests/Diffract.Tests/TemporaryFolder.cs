namespace Diffract.Tests;

/// <summary>A folder of a test's own, gone afterwards.</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("diffract-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Bytes of every file below, by relative path.</summary>
    public static SortedDictionary<string, byte[]> Contents(string folder) => new(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(file => System.IO.Path.GetRelativePath(folder, file), File.ReadAllBytes), StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
