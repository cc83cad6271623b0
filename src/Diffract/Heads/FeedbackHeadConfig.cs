using System.Text.Json.Nodes;
using Diffract.Models;
using Diffract.Nn;

namespace Diffract.Heads;

/// <summary>
/// A head on maps with feedback (DifFeed): it reads whole maps of a first pass, runs the net's second pass itself, and gives that pass's maps to another head.
/// What it reads does not depend on what it trains, so it can be kept in a store.
/// </summary>
public sealed record FeedbackHeadConfig : HeadConfig
{
    /// <summary>The net whose passes these are.</summary>
    public required UNetConfig Net { get; init; }

    public required FeedbackConfig Feedback { get; init; }

    /// <summary>The head on the second pass's maps. Its steps, blocks and classes are filled in by <see cref="Complete"/>.</summary>
    public required HeadConfig Reader { get; init; }

    /// <summary>Blocks of the second pass that <see cref="Reader"/> reads, ascending.</summary>
    public required IReadOnlyList<int> ReadBlocks { get; init; }

    /// <summary>Blocks of the first pass that an attention <see cref="Reader"/> reads beside them, ascending. A block that it reads in both passes has one tokeniser.</summary>
    public IReadOnlyList<int> FirstReadBlocks { get; init; } = [];

    /// <summary>The class that a class-conditional net is told for every picture; null leaves its class embedding out.</summary>
    public int? Class { get; init; }

    public override string Kind => "diffeed";

    public override bool NormsOverBatch => Reader.NormsOverBatch || Feedback.Layers.Contains(FeedbackLayer.BatchNorm);

    internal UNetLayout Layout => new(Net);

    /// <summary>Blocks of the first pass whose whole maps the head reads.</summary>
    public IReadOnlyList<int> FirstPassBlocks => [.. FeedbackExtractor.FirstPassBlocks(Feedback, Layout, ReadBlocks).Union(FirstReadBlocks).Order()];

    /// <summary>The deepest block that either pass needs.</summary>
    public override int Deepest => Feedback.Deepest(ReadBlocks.Concat(FirstReadBlocks));

    public override HeadConfig Complete(IReadOnlyList<int> ts, IReadOnlyList<FeatureSpec> blocks, int classes)
    {
        var layout = Layout;
        var stride = layout.Blocks[blocks[0].Block - 1].OutStride;
        var (height, width) = (blocks[0].Height * stride, blocks[0].Width * stride);
        return this with { Ts = ts, Blocks = blocks, Classes = classes, Reader = Reader.Complete(ts, [.. ReadBlocks.Union(FirstReadBlocks).Order().Select(b => FeatureSpec.Of(layout, b, height, width))], classes) };
    }

    private protected override Head Make(Params p) => new FeedbackHead(p, this);

    private protected override void AddTo(JsonObject json)
    {
        json["unet"] = Net.ToJson();
        json["feedback"] = Feedback.ToJson();
        json["reader"] = Reader.ToJson();
        json["readBlocks"] = new JsonArray([.. ReadBlocks.Select(b => (JsonNode)b)]);
        if (FirstReadBlocks.Count > 0)
        {
            json["firstReadBlocks"] = new JsonArray([.. FirstReadBlocks.Select(b => (JsonNode)b)]);
        }
        json["class"] = Class;
    }

    private protected override IEnumerable<string> OwnFaults()
    {
        if (Reader is FeedbackHeadConfig)
        {
            return ["reader is of kind diffeed, expected linear, mlp or attention"];
        }
        if (FirstReadFault() is { } fault)
        {
            return [fault];
        }
        try
        {
            Feedback.Check(Layout);
            FeedbackExtractor.CheckReach(Feedback, ReadBlocks);
        }
        catch (ArgumentException exception)
        {
            return [exception.Message];
        }
        var needed = FirstPassBlocks;
        IEnumerable<string> missing = Blocks.Count == 0 || Blocks.Select(b => b.Block).SequenceEqual(needed) ? [] : [$"blocks are {string.Join(", ", Blocks.Select(b => b.Block))}, the second pass needs {string.Join(", ", needed)}"];
        return missing.Concat(Reader.Faults(complete: Blocks.Count > 0).Select(fault => $"reader: {fault}"));
    }

    string? FirstReadFault() => FirstReadBlocks.Count == 0 ? null
        : Reader is not AttentionConfig reader ? $"firstReadBlocks are {string.Join(", ", FirstReadBlocks)} and the reader is of kind {Reader.Kind}; only attention heads read both passes"
        : FirstReadBlocks.Zip(FirstReadBlocks.Skip(1)).Any(pair => pair.First >= pair.Second) ? $"firstReadBlocks are {string.Join(", ", FirstReadBlocks)}, expected an ascending list without repeats"
        : FirstReadBlocks.Select(b => (int?)b).FirstOrDefault(b => b < 1 || b > Layout.Blocks.Count) is { } strange ? $"firstReadBlocks has block {strange}; this net has blocks 1 to {Layout.Blocks.Count}"
        : reader.Sequence.OfType<TokenLayer.Flatten>().Any() && FirstReadBlocks.Intersect(ReadBlocks).Any() ? "a reader that flattens its tokens cannot read a block in both passes"
        : null;
}
