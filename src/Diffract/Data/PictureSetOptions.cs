namespace Diffract.Data;

/// <summary>How a set of pictures is opened.</summary>
public sealed record PictureSetOptions
{
    /// <summary>The layout; null: recognised by the files. See <see cref="Layouts"/>.</summary>
    public string? Layout { get; init; }

    /// <summary>The classes to keep; null: all. See <see cref="ClassList"/>.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>The names that <see cref="Layout"/> takes.</summary>
    public static IReadOnlyList<string> Layouts => [.. DataLayout.Names];
}
