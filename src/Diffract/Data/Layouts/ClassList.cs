using System.Text;

namespace Diffract.Data;

/// <summary>Lists of classes by which a part of a data set is chosen: a name a line; what follows # is a remark.</summary>
public static class ClassList
{
    /// <summary>The 50 synsets of ImageNet-50.</summary>
    /// <remarks>Van Gansbeke et al. 2020, "SCAN: Learning to classify images without labels"; the papers use it for their ablations.</remarks>
    public static IReadOnlyList<string> ImageNet50 { get; } = Parse(BuiltIn());

    /// <summary>The list "imagenet-50", or else a file.</summary>
    /// <exception cref="PictureException">There is no such file, it cannot be read or is empty.</exception>
    public static IReadOnlyList<string> Read(string nameOrFile)
    {
        if (nameOrFile == "imagenet-50") { return ImageNet50; }
        try
        {
            if (new FileInfo(nameOrFile) is { Exists: true, Length: > SetFiles.MostListBytes }) { throw new PictureException($"{nameOrFile}: too large for a list of classes"); }
            var names = Parse(File.ReadAllText(nameOrFile, Encoding.UTF8));
            return names.Count > 0 ? names : throw new PictureException($"{nameOrFile}: the list of classes is empty");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new PictureException($"{nameOrFile}: cannot be read as a list of classes (a file, or imagenet-50): {cause.Message}", cause);
        }
    }

    static List<string> Parse(string text) => [.. text.Split('\n').Select(line => line.Split('#')[0].Trim()).Where(name => name.Length > 0)];

    static string BuiltIn()
    {
        using var stream = typeof(ClassList).Assembly.GetManifestResourceStream("imagenet50.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
