namespace Diffract.Torch;

/// <summary>A checkpoint file cannot be read: the message names the file, what was found where, what was expected and what to do.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(Plain(message, 2000), inner)
{
    /// <summary>Text that a file brought, fit for a terminal: control characters become '?', what is beyond <paramref name="most"/> characters is cut.</summary>
    public static string Plain(string text, int most = 120)
    {
        var cut = text.Length > most ? text[..most] + "..." : text;
        return cut.Any(char.IsControl) ? new([.. cut.Select(c => char.IsControl(c) && c != '\n' ? '?' : c)]) : cut;
    }

    /// <summary>A name from a file for a one-line message: in quotes, without control characters, not too long.</summary>
    internal static string Quote(string name)
    {
        string clean = new(name.Take(120).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c).ToArray());
        return name.Length > 120 ? $"'{clean}...'" : $"'{clean}'";
    }
}
