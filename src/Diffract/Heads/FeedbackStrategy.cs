using System.Globalization;
using Diffract.Models;

namespace Diffract.Heads;

/// <summary>Which decoder blocks feed back to which encoder blocks, defined for any net. Unless said otherwise, block b feeds block B + 1 - b of a net of B blocks.</summary>
/// <remarks>The second paper's section 5 and Table 4. The released code has all but <see cref="MultiScale"/>.</remarks>
public abstract record FeedbackStrategy
{
    const int Window = 5;

    private FeedbackStrategy() { }

    /// <summary>Those that go by a name.</summary>
    public static IReadOnlyList<FeedbackStrategy> Named { get; } = [new All(), new Bottleneck(), new Windowed(), new MultiScale()];

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public abstract string Name { get; }

    /// <summary>The pairs on a net, ascending, and what was chosen where the definition does not fit it.</summary>
    /// <exception cref="ArgumentException">The net lacks a block that is named.</exception>
    public abstract FeedbackPlan On(UNetLayout layout);

    /// <summary>Reads "all", "bottleneck", "windowed", "multi-scale", "multi-scale:16" (with the encoder block), or pairs such as "21-17,24-14", where "24" alone means its mirror.</summary>
    /// <exception cref="ArgumentException">It is none of these.</exception>
    public static FeedbackStrategy Parse(string text)
    {
        if (Named.FirstOrDefault(strategy => strategy.Name == text) is { } known)
        {
            return known;
        }
        if (text.StartsWith("multi-scale:", StringComparison.Ordinal) && Number(text["multi-scale:".Length..]) is { } to)
        {
            return new MultiScale(to);
        }
        var ways = text.Split(',', StringSplitOptions.TrimEntries).Select(way => way.Split('-')).ToList();
        return ways.All(way => way.Length <= 2 && way.All(part => Number(part) is not null))
            ? new Explicit([.. ways.Select(way => (Number(way[0])!.Value, way.Length == 2 ? Number(way[1]) : null))])
            : throw new ArgumentException($"feedback '{text}': expected {string.Join(", ", Named.Select(strategy => strategy.Name))}, multi-scale:BLOCK, or pairs of a decoder and an encoder block such as 21-17,24-14");
    }

    static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    static int Mirror(UNetLayout layout, int block) => layout.Blocks.Count + 1 - block;

    static FeedbackPlan Mirrored(UNetLayout layout, IEnumerable<int> blocks, IReadOnlyList<string> notes) => new([.. blocks.Select(b => new FeedbackPair(b, Mirror(layout, b)))], notes);

    static (IReadOnlyList<int> Blocks, IReadOnlyList<string> Notes) FirstFive(UNetLayout layout)
    {
        int[] blocks = [.. layout.OutputBlocks.Take(Window).Select(block => block.Number)];
        return (blocks, blocks.Length == Window ? [] : [$"the output side has {blocks.Length} blocks, not {Window}: all of them are taken"]);
    }

    /// <summary>Every decoder block.</summary>
    public sealed record All : FeedbackStrategy
    {
        public override string Name => "all";

        public override FeedbackPlan On(UNetLayout layout) => Mirrored(layout, layout.OutputBlocks.Select(block => block.Number), []);
    }

    /// <summary>The middle block of every decoder level; of an even number, the earlier of the two middle ones.</summary>
    public sealed record Bottleneck : FeedbackStrategy
    {
        public override string Name => "bottleneck";

        public override FeedbackPlan On(UNetLayout layout)
        {
            var blocks = layout.Config.NumResBlocks + 1;
            var middle = (blocks - 1) / 2;
            IReadOnlyList<string> notes = blocks % 2 == 1 ? [] : [$"a level has {blocks} blocks on the output side, so none is the middle one: number {middle + 1} of each is taken"];
            return Mirrored(layout, layout.OutputBlocks.Chunk(blocks).Select(level => level[middle].Number), notes);
        }
    }

    /// <summary>The first five decoder blocks.</summary>
    public sealed record Windowed : FeedbackStrategy
    {
        public override string Name => "windowed";

        public override FeedbackPlan On(UNetLayout layout)
        {
            var (blocks, notes) = FirstFive(layout);
            return Mirrored(layout, blocks, notes);
        }
    }

    /// <summary>The blocks of <see cref="Windowed"/>, all fed to one encoder block.</summary>
    /// <param name="Encoder">That block; null: of their mirrors the first of those with most channels, which is block 14 of the 256x256 net's 37. Neither paper nor code says which.</param>
    public sealed record MultiScale(int? Encoder = null) : FeedbackStrategy
    {
        public override string Name => Encoder is { } to ? $"multi-scale:{to}" : "multi-scale";

        public override FeedbackPlan On(UNetLayout layout)
        {
            var (blocks, notes) = FirstFive(layout);
            var to = Encoder ?? blocks.Select(b => layout.Blocks[Mirror(layout, b) - 1]).OrderByDescending(block => block.OutChannels).ThenBy(block => block.Number).First().Number;
            return new FeedbackPlan([.. blocks.Select(b => new FeedbackPair(b, to))],
                Encoder is null ? [.. notes, $"block {to} takes all of them: which one does is not published, and multi-scale:BLOCK names another"] : notes).Checked(layout);
        }
    }

    /// <summary>Pairs that are named.</summary>
    /// <param name="Ways">Decoder block and encoder block; null: the former's mirror.</param>
    public sealed record Explicit(IReadOnlyList<(int From, int? To)> Ways) : FeedbackStrategy
    {
        public override string Name => string.Join(",", Ways.Select(way => way.To is { } to ? $"{way.From}-{to}" : $"{way.From}"));

        public override FeedbackPlan On(UNetLayout layout) =>
            new FeedbackPlan([.. Ways.Select(way => new FeedbackPair(way.From, way.To ?? Mirror(layout, way.From))).OrderBy(pair => pair.From).ThenBy(pair => pair.To)], []).Checked(layout);
    }
}
