using System.Text.RegularExpressions;

namespace Diffract.Tests;

public partial class LayersTests
{
    // What each folder of src/Diffract may use, beside itself and Diffract.Torch: docs/design.md.
    static readonly Dictionary<string, string[]> Below = new()
    {
        ["Nn"] = [],
        ["Optim"] = ["Nn"],
        ["Diffusion"] = ["Nn"],
        ["Data"] = [],
        ["Metrics"] = [],
        ["Models"] = ["Diffusion", "Optim", "Nn"],
        ["Features"] = ["Data", "Models", "Diffusion", "Nn"],
        ["Heads"] = ["Models", "Diffusion", "Optim", "Nn"],
        ["Reports"] = ["Metrics", "Data"],
        ["Workflows"] = ["Reports", "Heads", "Features", "Metrics", "Data", "Models", "Diffusion", "Optim", "Nn"],
    };

    [Fact]
    public void No_layer_uses_one_above_it()
    {
        var source = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Golden.Root)!)!, "src", "Diffract");
        var files = Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}")).ToList();
        Assert.True(files.Count > 50, $"{files.Count} files in {source}");

        var upward = from file in files
                     let layer = Path.GetRelativePath(source, file).Split(Path.DirectorySeparatorChar)[0]
                     from Match use in Uses().Matches(File.ReadAllText(file))
                     let used = use.Groups[1].Value
                     where used != "Torch" && used != layer && !(Below.TryGetValue(layer, out var below) && below.Contains(used))
                     select $"{Path.GetRelativePath(source, file)} uses {used}";

        Assert.Empty(upward.Distinct());
    }

    [GeneratedRegex(@"^using Diffract\.(\w+);", RegexOptions.Multiline)]
    private static partial Regex Uses();
}
