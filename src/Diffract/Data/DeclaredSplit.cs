namespace Diffract.Data;

/// <summary>A split that a set says it has, by a folder or a list, whether or not there are pictures of it.</summary>
/// <param name="Where">What says so, for people: "the folder test/".</param> <param name="Remedy">What to do where it has no labelled pictures, one or two sentences.</param>
public sealed record DeclaredSplit(PictureSplit Split, string Where, string Remedy);
