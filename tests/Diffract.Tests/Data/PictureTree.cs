namespace Diffract.Tests.Data;

/// <summary>A folder of small pictures, removed at the end of the test.</summary>
sealed class PictureTree : IDisposable
{
    public static readonly byte[] Jpeg = GoldenPictures.ReadFile("pictures", "rgb.jpg");

    public PictureTree(params string[] paths)
    {
        foreach (string path in paths) { Write(path, Jpeg); }
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("diffract-pictures-").FullName;

    public void Write(string path, byte[] bytes)
    {
        string file = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
