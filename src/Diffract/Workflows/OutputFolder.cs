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

    /// <summary>The same for one run alone: until it is disposed, or the process ends, another that claims the folder fails; on file systems that know no locks there is no such protection.</summary>
    /// <exception cref="IOException">As for <see cref="Make"/>; or another run writes into it.</exception>
    public static IDisposable Claim(string folder)
    {
        Make(folder);
        try
        {
            return new FileStream(Path.Combine(folder, ClaimFile), new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.None, Options = FileOptions.DeleteOnClose });
        }
        catch (IOException cause) when (Array.IndexOf(HeldElsewhere, cause.HResult) >= 0)
        {
            throw new IOException($"{folder}: another run is writing there. Wait for it, stop it, or choose another --out.", cause);
        }
        catch (UnauthorizedAccessException cause)
        {
            throw new IOException($"{folder}: another user's run left {ClaimFile} there. Delete it, or choose another --out.", cause);
        }
    }

    const string ClaimFile = ".claimed";

    static readonly int[] HeldElsewhere = [11, 35, unchecked((int)0x80070020)]; // EAGAIN of Linux and macOS, ERROR_SHARING_VIOLATION
}
