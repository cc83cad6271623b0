namespace Diffract.Torch;

/// <summary>Where files are kept that can be made or fetched again.</summary>
public static class CacheFolder
{
    /// <summary>diffract in XDG_CACHE_HOME or ~/.cache; it need not exist yet.</summary>
    public static string Root
    {
        get
        {
            var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            return Path.Combine(Path.IsPathRooted(cache) ? cache : home.Length > 0 ? Path.Combine(home, ".cache") : Path.GetTempPath(), "diffract");
        }
    }
}
