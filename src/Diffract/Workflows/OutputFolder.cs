using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A folder that results go into.</summary>
public static class OutputFolder
{
    /// <summary>Makes the folder where it is not there, and tries it, so that work that takes long is not lost at its end.</summary>
    /// <exception cref="IOException">There is a file in its place, or files cannot be written into it.</exception>
    public static void Make(string folder)
    {
        if (File.Exists(folder))
        {
            throw new IOException($"{folder}: is a file, where a folder for results is expected. Choose another --out.");
        }
        try
        {
            Directory.CreateDirectory(folder);
            var trial = Path.Combine(folder, Path.GetRandomFileName() + AtomicFile.PartialSuffix);
            File.WriteAllBytes(trial, []);
            File.Delete(trial);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: results cannot be written there: {cause.Message} Choose another --out.", cause);
        }
    }
}
