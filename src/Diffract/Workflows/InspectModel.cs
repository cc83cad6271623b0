using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What a U-Net's file holds, without reading its weights.</summary>
/// <param name="Parameters">Values in all of its tensors.</param>
/// <param name="EmbeddingWeights">Values in front of the blocks: the time embedding, and the classes'.</param>
/// <param name="OutputWeights">Values behind the blocks.</param>
/// <param name="MultiplyAdds">Of one pass over one picture of the net's size, with the output layer.</param>
public sealed record ModelSummary(RecognisedNet Net, long Parameters, long EmbeddingWeights, long OutputWeights, long MultiplyAdds, IReadOnlyList<BlockSummary> Blocks, IReadOnlyList<FeedbackSummary> Feedback);

/// <param name="B">The papers' number, from 1.</param>
/// <param name="Module">Its name in the checkpoint.</param>
/// <param name="Layers">"Res+Attn".</param>
/// <param name="Channels">Of its output.</param> <param name="Size">Side of its output, for a picture of the net's size.</param>
/// <param name="MultiplyAdds">For one picture.</param> <param name="RunningShare">Of all multiply-adds, up to and with this block: what a pass that stops here costs.</param>
/// <param name="Weights">Values in its tensors.</param> <param name="RunningWeights">Values that a pass that stops here needs.</param>
public sealed record BlockSummary(int B, string Module, string Layers, int Channels, int Size, long MultiplyAdds, double RunningShare, long Weights, long RunningWeights);

/// <summary>A strategy of feedback (DifFeed) on the net.</summary>
/// <param name="Parameters">Trained values of its layers: convolution and batch norm.</param> <param name="Notes">What was chosen where its definition does not fit the net.</param>
public sealed record FeedbackSummary(string Strategy, IReadOnlyList<FeedbackPair> Pairs, long Parameters, IReadOnlyList<string> Notes);

public static class InspectModel
{
    /// <summary>The net's blocks with their cost.</summary>
    public static ModelSummary Summarise(RecognisedNet net)
    {
        var config = net.Config;
        var layout = new UNetLayout(config);
        var size = Math.Max(1, config.ImageSize / config.Stride) * config.Stride;
        var output = UNetShapes.OutputMultiplyAdds(config, size, size);
        var work = layout.Blocks.Select(block => UNetShapes.MultiplyAdds(block, config, size, size)).ToList();
        var total = work.Sum() + output;
        var embedding = UNetShapes.Parameters(layout).Where(p => p.Name.StartsWith("time_embed.") || p.Name.StartsWith("label_emb.")).Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b));
        var (running, weights) = (0L, embedding);
        List<BlockSummary> blocks = [];
        foreach (var (block, cost) in layout.Blocks.Zip(work))
        {
            var own = UNetShapes.ParameterCount(block, config);
            (running, weights) = (running + cost, weights + own);
            blocks.Add(new(block.Number, block.Module, block.Description, block.OutChannels, size / block.OutStride, cost, (double)running / total, own, weights));
        }
        var all = UNetShapes.ParameterCount(config);
        return new(net, all, embedding, all - weights, total, blocks, [.. FeedbackStrategy.Named.Select(strategy => Feedback(strategy, layout))]);
    }

    static FeedbackSummary Feedback(FeedbackStrategy strategy, UNetLayout layout)
    {
        var plan = strategy.On(layout);
        return new(strategy.Name, plan.Pairs, FeedbackConfig.Of(strategy, layout).ParameterCount(layout), plan.Notes);
    }
}
