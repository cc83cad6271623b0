using System.CommandLine;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Cli;

/// <summary>The options by which verbs describe feedback from decoder to encoder.</summary>
sealed class FeedbackOptions
{
    /// <summary>The head that these options are for.</summary>
    public const string Kind = "diffeed";

    const string Standard = "bottleneck", Letters = "C_B_R";

    public Option<string> Feedback { get; } = new("--feedback") { Description = "Of --head diffeed: all, bottleneck, windowed, multi-scale, multi-scale:BLOCK, or pairs such as 21-17,24-14; `info` lists them for a net", DefaultValueFactory = _ => Standard, HelpName = "STRATEGY" };
    public Option<string> Layers { get; } = new("--feedback-layers") { Description = "Its layers: C convolution, B batch norm, R ReLU, S SiLU, G group norm", DefaultValueFactory = _ => Letters, HelpName = "LETTERS" };
    public Option<string?> FirstBlocks { get; } = new("--first-blocks") { Description = "Of --head diffeed: blocks of the first pass that the head reads beside --blocks of the second", HelpName = "LIST" };
    public Option<bool> Recompute { get; } = new("--recompute") { Description = "Less memory in the second pass: blocks are computed once more for the gradients" };
    public Option<double> Room { get; } = new("--keep-limit") { Description = "GiB that kept first-pass maps may take; --live keeps none", DefaultValueFactory = _ => 64, HelpName = "GIB" };

    /// <summary>What describes the head.</summary>
    public IEnumerable<Option> OfHead => [Feedback, Layers, FirstBlocks];

    public IEnumerable<Option> All => [.. OfHead, Recompute, Room];

    /// <param name="reader">The head on the second pass's maps, or a whole head with feedback.</param> <param name="read">Blocks that it reads.</param>
    /// <param name="pairs">Instead of --feedback; null: as that says.</param>
    public FeedbackHeadConfig Head(ParseResult arguments, UNetLayout layout, HeadConfig reader, int[] read, int? label, IReadOnlyList<FeedbackPair>? pairs = null) => reader as FeedbackHeadConfig ?? new()
    {
        Net = layout.Config, Reader = reader, ReadBlocks = read, Class = label,
        FirstReadBlocks = arguments.GetValue(FirstBlocks) is { } list ? FeatureOptions.Numbers(FirstBlocks.Name, list, ascending: false) : [],
        Feedback = (pairs is null ? FeedbackConfig.Of(FeedbackStrategy.Parse(arguments.GetValue(Feedback)!), layout) : new() { Pairs = pairs, Strategy = string.Join(',', pairs) })
            with { Layers = FeedbackConfig.ParsePlainLayers(arguments.GetValue(Layers)!) },
    };

    /// <summary>What describes feedback or blocks beside a file that describes them, too, is refused.</summary>
    /// <param name="blocks">The option that names the blocks of the second pass.</param>
    public void RefuseBeside(ParseResult arguments, HeadConfig reader, Option blocks)
    {
        if (reader is FeedbackHeadConfig whole && OfHead.Append(blocks).FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } stray)
        {
            throw new ArgumentException($"{stray.Name}: --head-config describes a head with its feedback and blocks {string.Join(", ", whole.ReadBlocks)}; leave {stray.Name} out, or describe the reader alone");
        }
    }

    /// <summary>--feedback as a list of blocks, whose order tells the released code what is joined; null: it is no such list.</summary>
    public int[]? ReleasedList(ParseResult arguments) => arguments.GetValue(Feedback)! is var text && text.All(c => char.IsAsciiDigit(c) || c is ',' or ' ') ? FeatureOptions.Numbers(Feedback.Name, text, ascending: false) : null;

    /// <exception cref="ArgumentException">The maps of all pictures take more than they may.</exception>
    public void CheckRoom(ParseResult arguments, FeatureRequest request, UNetLayout layout, int pictures)
    {
        var room = pictures * request.Names.Sum(name => request.Shape(name, layout).Aggregate(1L, (a, b) => a * b)) * request.StoredAs.Size() / (double)(1 << 30);
        if (!(room <= arguments.GetValue(Room)))
        {
            throw new ArgumentException(FormattableString.Invariant($"first-pass maps of {pictures} pictures (blocks {string.Join(", ", request.Blocks)}) would take {room:f1} GiB, more than --keep-limit {arguments.GetValue(Room)}. ")
                + "Train with --live, which keeps none; or give --store-as fp16, fewer pictures (--per-class, --limit) or a larger limit.");
        }
    }
}
