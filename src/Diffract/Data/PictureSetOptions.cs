namespace Diffract.Data;

/// <summary>How a set of pictures is opened.</summary>
public sealed record PictureSetOptions
{
    /// <summary>The layout; null: recognised by the files. See <see cref="Layouts"/>.</summary>
    public string? Layout { get; init; }

    /// <summary>The classes to keep; null: all. See <see cref="ClassList"/>.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Where compressed files are expanded to be read at random. Default: diffract/archives in XDG_CACHE_HOME or ~/.cache.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>The names that <see cref="Layout"/> takes.</summary>
    public static IReadOnlyList<string> Layouts => [.. DataLayout.Names];
}
