namespace Diffract.Torch;

/// <summary>A checkpoint file cannot be read: the message names the file, what was found where, what was expected and what to do.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>A name from a file for a one-line message: in quotes, without control characters, not too long.</summary>
    internal static string Quote(string name)
    {
        string clean = new(name.Take(120).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c).ToArray());
        return name.Length > 120 ? $"'{clean}...'" : $"'{clean}'";
    }
}
