namespace Diffract.Cli.Bench;

/// <summary>A temporary folder that is gone afterwards.</summary>
sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("diffract-bench-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
