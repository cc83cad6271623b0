namespace Diffract.Cli.Bench;

static class SourceTree
{
    /// <summary>The folder of Diffract.slnx above this program; null where it was installed elsewhere.</summary>
    public static string? Root
    {
        get
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(Path.Combine(folder.FullName, "Diffract.slnx")))
                {
                    return folder.FullName;
                }
            }
            return null;
        }
    }
}
