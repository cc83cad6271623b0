using Diffract.Torch;

namespace Diffract.Models;

/// <summary>The small U-Net that comes with the program: pre-trained on built-in pictures without labels, 32x32, 4.4 M parameters.</summary>
public static class BuiltInModel
{
    /// <summary>What --model takes for it.</summary>
    public const string Name = "builtin";

    const string File = "builtin-32.safetensors";

    /// <exception cref="CheckpointException">It does not lie where the program is.</exception>
    public static string Path => Candidates().FirstOrDefault(System.IO.File.Exists)
        ?? throw new CheckpointException($"the built-in model {File} was not found beside {AppContext.BaseDirectory}; the installation is not complete");

    static IEnumerable<string> Candidates()
    {
        yield return System.IO.Path.Combine(AppContext.BaseDirectory, "models", File);
        yield return System.IO.Path.Combine(System.IO.Path.GetDirectoryName(typeof(BuiltInModel).Assembly.Location) ?? "", "models", File);
    }
}
