using System.Globalization;

namespace Diffract.Workflows;

/// <summary>What Linux grants a container: both versions of its control groups, from the process's own group up to the root.</summary>
static class ControlGroup
{
    /// <returns>Cores (a share counts as a fraction) and bytes; null without a limit.</returns>
    public static (double? Cores, long? Memory) Read(string root)
    {
        var mount = Path.Combine(root, "sys/fs/cgroup");
        double? cores = null;
        long? memory = null;
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))                // "4:memory:/some/group", "0::/some/group"
        {
            if (line.Split(':', 3) is not [_, var controllers, var group])
            {
                continue;
            }
            foreach (var folder in Folders(mount, controllers, group))
            {
                cores = Least(cores, Share(First(folder, "cpu.max")) ?? Share($"{First(folder, "cpu.cfs_quota_us")} {First(folder, "cpu.cfs_period_us")}"));
                memory = Least(memory, Number(First(folder, "memory.max")) ?? Number(First(folder, "memory.limit_in_bytes")));
            }
        }
        return (cores, memory);
    }

    // Inside a container the group's own path may not be there; its root then has the limits.
    static IEnumerable<string> Folders(string mount, string controllers, string group)
    {
        string[] tops = controllers.Length == 0 ? [mount, Path.Combine(mount, "unified")] : [Path.Combine(mount, controllers), .. controllers.Split(',').Select(one => Path.Combine(mount, one))];
        for (var path = group.Trim('/'); ; path = Path.GetDirectoryName(path) ?? "")
        {
            foreach (var top in tops)
            {
                yield return Path.Combine(top, path);
            }
            if (path.Length == 0)
            {
                yield break;
            }
        }
    }

    // "200000 100000" is two cores; "max 100000" and "-1 100000" are no limit.
    static double? Share(string? text) => text?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var quota, var period]
        && Number(quota) is { } time and > 0 && Number(period) is { } every and > 0 ? (double)time / every : null;

    static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    static double? Least(double? a, double? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;

    static long? Least(long? a, long? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;

    static string? First(string folder, string file) => Lines(Path.Combine(folder, file)).FirstOrDefault();

    static IEnumerable<string> Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
