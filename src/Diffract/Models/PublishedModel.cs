namespace Diffract.Models;

/// <summary>A checkpoint that its authors publish, and what its weights do not say of it.</summary>
/// <param name="Name">What --model takes once it is fetched.</param>
/// <param name="Family">"guided-diffusion" or "improved-diffusion".</param>
/// <param name="Address">Where its authors publish it.</param>
/// <param name="TrainedOn">Pictures, their size, with or without classes.</param>
public sealed record PublishedModel(string Name, string Family, Uri Address, string TrainedOn)
{
    /// <summary>The net's flags; null for what is no U-Net.</summary>
    public UNetConfig? Config { get; init; }
    /// <summary>Noise schedule of its training: "linear" or "cosine".</summary>
    public string Schedule { get; init; } = "linear";
    /// <summary>Steps of that schedule.</summary>
    public int Steps { get; init; } = 1000;
    /// <summary>The net is given step times this.</summary>
    public double TimestepScale { get; init; } = 1;
    /// <summary>Bytes of the file, where known.</summary>
    public long? Bytes { get; init; }
    /// <summary>SHA-256 of the file in lower-case hex, where several people have reported the same.</summary>
    public string? Sha256 { get; init; }
    /// <summary>Noise steps and blocks that the papers found to give good features; empty where nobody has said.</summary>
    public string Features { get; init; } = "";

    public string File => Path.GetFileName(Address.AbsolutePath);

    /// <summary>Both repositories are under it.</summary>
    public string Licence => "MIT";
}
