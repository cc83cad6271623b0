using System.Text;

namespace Diffract.Data;

/// <summary>The files of a data set, in a folder or in a tar archive, by paths relative to its root with '/' between parts. Nothing is extracted.</summary>
/// <param name="name">The folder or archive, for people.</param>
abstract class SetFiles(string name)
{
    /// <summary>Lists and annotations beyond this are refused.</summary>
    public const long MostListBytes = 64L << 20;

    public string Name => name;

    /// <summary>What a person should know about how the files were found.</summary>
    public virtual IReadOnlyList<string> Warnings => [];

    /// <summary>False, too, for a path that leads out of the root.</summary>
    public abstract bool Has(string path);

    /// <summary>Names of the folders right below one, in ordinal order; none where there is no such folder. "" is the root.</summary>
    public abstract IReadOnlyList<string> Folders(string folder);

    /// <summary>Paths of all files below a folder, at any depth, in no order; none where there is no such folder.</summary>
    /// <exception cref="PictureException">It cannot be read.</exception>
    public abstract IEnumerable<string> Files(string folder);

    /// <summary>A folder as a root of its own.</summary>
    public abstract SetFiles Below(string folder);

    /// <summary>Bytes of a file.</summary>
    /// <exception cref="PictureException">There is no such file.</exception>
    public abstract long Length(string path);

    /// <exception cref="PictureException">The file cannot be read, or ends before <paramref name="target"/> is full.</exception>
    public abstract void ReadAt(string path, long offset, Span<byte> target);

    /// <summary>A whole file.</summary>
    /// <exception cref="PictureException">It cannot be read, or is larger than <paramref name="most"/> bytes.</exception>
    public abstract byte[] Read(string path, long most = PictureSet.MostFileBytes);

    /// <summary>Where the content of a gzip-compressed file can be read at random.</summary>
    /// <exception cref="PictureException">It is damaged, or cannot be expanded where it lies.</exception>
    public abstract (SetFiles Files, string Path) Expanded(string path);

    /// <summary>The lines of a text file in UTF-8, numbered from 1; empty ones are passed over.</summary>
    public IEnumerable<(int Number, string Text)> Lines(string path) =>
        Encoding.UTF8.GetString(Read(path, MostListBytes)).TrimStart('\uFEFF').Split('\n').Select((line, i) => (i + 1, line.Trim(' ', '\r'))).Where(line => !string.IsNullOrWhiteSpace(line.Item2));

    /// <summary>Lines "KEY VALUE", parted at the first space; the value may hold further spaces.</summary>
    /// <exception cref="PictureException">A line has no value, or a key comes twice.</exception>
    public Dictionary<string, string> Pairs(string path)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var (number, text) in Lines(path))
        {
            int space = text.IndexOf(' ');
            if (space < 0) { throw new PictureException($"{name}/{path}, line {number}: '{text}' has one word; expected two, as '1 NAME'"); }
            if (!pairs.TryAdd(text[..space], text[(space + 1)..].Trim())) { throw new PictureException($"{name}/{path}, line {number}: '{text[..space]}' is listed a second time"); }
        }
        return pairs;
    }

    /// <summary>True for a relative path that stays below its root.</summary>
    protected static bool StaysInside(string path) => path.Length > 0 && path[0] != '/' && !path.Contains('\0') && !path.Split('/').Contains("..");
}
