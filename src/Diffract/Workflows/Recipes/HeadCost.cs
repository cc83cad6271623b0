using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>Multiply-adds of heads.</summary>
static class HeadCost
{
    /// <summary>Of one picture's way through a complete head.</summary>
    public static long Forward(HeadConfig head) => head switch
    {
        LinearConfig linear => Chain([linear.Inputs, .. linear.Hidden.Select(width => (long)width), linear.Classes]),
        AttentionConfig attention => attention.Ts.Count * (Tokeniser(attention) + Transformer(attention)) + (long)attention.Dim * attention.Ts.Count * attention.Classes,
        CnnConfig cnn => cnn.Ts.Count * cnn.Blocks.Sum(block => Convolutions(cnn, block)) + cnn.Inputs * cnn.Classes,
        _ => throw new ArgumentException($"the multiply-adds of a head of kind {head.Kind} are not known"),
    };

    // 2 x 2 windows over a map that shrinks by one, then is halved.
    static long Convolutions(CnnConfig head, FeatureSpec block)
    {
        var (work, channels, height, width) = (0L, block.Channels, block.Height, block.Width);
        foreach (var next in head.Widths)
        {
            (height, width) = (height - 1 + 2 * head.Padding, width - 1 + 2 * head.Padding);
            work += 4L * height * width * channels * next;
            (channels, height, width) = (next, height / 2, width / 2);
        }
        return work;
    }

    static long Chain(long[] widths) => widths.Zip(widths.Skip(1), (a, b) => a * b).Sum();

    static long Tokens(AttentionConfig head, FeatureSpec block) => head.Tokens switch
    {
        TokenConfig.Projected tokens => (long)Math.Min(tokens.Size, block.Height) * Math.Min(tokens.Size, block.Width),
        TokenConfig.Pooled tokens => (long)(block.Height / tokens.Kernel) * (block.Width / tokens.Kernel),
        _ => 0,
    };

    static long Tokeniser(AttentionConfig head) => head.Tokens is TokenConfig.Projected ? head.Blocks.Sum(block => Tokens(head, block) * block.Channels * head.Dim) : 0;

    // Queries, keys, values and the projection 4 d^2 a token, the MLP 2 ratio d^2; similarities and weighted sums 2 d a pair of tokens.
    static long Transformer(AttentionConfig head)
    {
        var (tokens, d) = (1 + head.Blocks.Sum(block => Tokens(head, block)), (long)head.Dim);
        return head.Depth * (tokens * d * (4 * d + 2 * (long)(head.MlpRatio * d)) + 2 * tokens * tokens * d);
    }
}
