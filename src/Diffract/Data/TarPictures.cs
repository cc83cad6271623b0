namespace Diffract.Data;

/// <summary>Pictures in a tar archive. Nothing is extracted: a picture is read from its place in the archive.</summary>
public static class TarPictures
{
    /// <summary>
    /// The pictures of a .tar or .tar.gz, told apart by content, laid out as <see cref="ImageFolder.Read"/> describes; one folder around
    /// everything is passed over. A compressed archive cannot be read at random, so it is expanded once into a file of
    /// <paramref name="cacheFolder"/>, which serves until the archive changes. Links and names that lead out of the archive are left out.
    /// </summary>
    /// <param name="cacheFolder">Default: diffract/archives in XDG_CACHE_HOME or ~/.cache.</param>
    /// <exception cref="PictureException">The archive is missing, damaged, truncated or expands beyond reason, or holds no pictures.</exception>
    public static PictureSet Read(string file, string? cacheFolder = null) => ClassFolders.Read(TarFiles.Open(file, cacheFolder));
}
