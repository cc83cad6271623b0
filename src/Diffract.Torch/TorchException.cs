namespace Diffract.Torch;

/// <summary>A failure inside libtorch, or of finding it: the operator, the shapes of its arguments and the native text.</summary>
public sealed class TorchException(string message) : Exception(message);
