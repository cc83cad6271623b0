namespace Diffract.Heads;

/// <summary>How a map becomes tokens.</summary>
public abstract record TokenConfig
{
    private protected TokenConfig() { }

    /// <summary>Adaptive average pooling, norm, 1x1 convolution to the head's width: the released code's fusion head.</summary>
    /// <param name="Size">Most tokens a side. A map that is smaller stays as it is.</param>
    public sealed record Projected(int Size = 16, TokenNorm Norm = TokenNorm.Joint) : TokenConfig;

    /// <summary>Average pooling alone: a token is the map's channels at a place, so the head is as wide as the map has channels. 2 x 2 on maps of 16 x 16 is the first paper's head of 64 tokens.</summary>
    /// <param name="Kernel">Side of the pooling's window; 1: none.</param> <param name="Stride">Step of the window; null: its side.</param>
    public sealed record Pooled(int Kernel = 2, int? Stride = null) : TokenConfig
    {
        /// <summary>Windows along a side of a map.</summary>
        internal int Windows(int side) => Kernel < 1 || Stride < 1 || side < Kernel ? 0 : (side - Kernel) / (Stride ?? Kernel) + 1;
    }
}

/// <summary>The norm before a token's projection.</summary>
public enum TokenNorm
{
    /// <summary>Layer norm over channels and places together, with a weight for each: the released code's "layer".</summary>
    Joint,
    /// <summary>Batch norm of each channel: the released code's "batch".</summary>
    Batch,
    /// <summary>Layer norm over the channels of each place.</summary>
    Channels,
}
