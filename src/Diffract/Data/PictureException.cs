namespace Diffract.Data;

/// <summary>A picture, an archive or a folder of pictures cannot be used; the message names it and says why.</summary>
public sealed class PictureException(string message, Exception? inner = null) : Exception(message, inner);
