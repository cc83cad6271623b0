using Diffract.Models;

namespace Diffract.Heads;

/// <summary>A block's maps as they come to a head: (N, Channels, Height, Width).</summary>
/// <param name="Block">Number of the U-Net's block, from 1.</param>
public sealed record FeatureSpec(int Block, int Channels, int Height, int Width)
{
    /// <summary>The block's own output for pictures of height x width pixels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The net has no such block.</exception>
    public static FeatureSpec Of(UNetLayout layout, int block, int height, int width)
    {
        if (block < 1 || block > layout.Blocks.Count)
        {
            throw new ArgumentOutOfRangeException(nameof(block), $"block {block}: this net has blocks 1 to {layout.Blocks.Count}");
        }
        var found = layout.Blocks[block - 1];
        return new(block, found.OutChannels, height / found.OutStride, width / found.OutStride);
    }
}
