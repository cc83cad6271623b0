namespace Diffract.Torch;

/// <summary>A checkpoint file cannot be read: the message names the file, what was found where, what was expected and what to do.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);
