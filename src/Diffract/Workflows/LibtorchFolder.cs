using System.Text.RegularExpressions;

namespace Diffract.Workflows;

/// <summary>A folder that LIBTORCH may name: include/ and lib/ of libtorch.</summary>
static partial class LibtorchFolder
{
    /// <returns>"2.5.1", from its headers; null where it has none.</returns>
    public static string? Version(string folder)
    {
        foreach (var include in (string[])["include/torch/csrc/api/include", "include"])
        {
            var header = Path.Combine(folder, include, "torch/version.h");
            if (File.Exists(header))
            {
                var parts = Part().Matches(File.ReadAllText(header)).ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
                return parts.Count == 3 ? $"{parts["MAJOR"]}.{parts["MINOR"]}.{parts["PATCH"]}" : null;
            }
        }
        return null;
    }

    [GeneratedRegex(@"^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) (\d+)", RegexOptions.Multiline)]
    private static partial Regex Part();
}
