using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>Multiply-adds of heads.</summary>
static class HeadCost
{
    /// <summary>Of one picture's way through a complete head.</summary>
    public static long Forward(HeadConfig head) => head switch
    {
        LinearConfig linear => Chain([linear.Inputs, .. linear.Hidden.Select(width => (long)width), linear.Classes]),
        AttentionConfig attention => attention.Ts.Count * (Tokeniser(attention) + attention.Shapes().Sum(step => Layer(step.Layer, step.Before)) + attention.Output.Width * attention.Classes),
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

    static long Tokeniser(AttentionConfig head) => head.Tokens is TokenConfig.Projected ? head.Blocks.Sum(block => head.TokensOf(block) * block.Channels * head.Dim) : 0;

    // Queries, keys, values and the projection 4 d^2 a token, the MLP 2 ratio d^2; similarities and weighted sums 2 d a pair of tokens.
    static long Layer(TokenLayer layer, TokenShape x)
    {
        var (tokens, d) = (x.Tokens ?? 1, x.Width);
        return layer switch
        {
            TokenLayer.Transformer blocks => blocks.Depth * (tokens * d * (4 * d + 2 * (long)(blocks.MlpRatio * d)) + 2 * tokens * tokens * d),
            TokenLayer.Dense dense => tokens * d * dense.Width,
            _ => 0,
        };
    }
}
