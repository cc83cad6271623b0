using Diffract.Models;

namespace Diffract.Heads;

/// <summary>A strategy on one net.</summary>
/// <param name="Pairs">Ascending.</param> <param name="Notes">What was chosen where the definition does not fit the net, or leaves it open.</param>
public sealed record FeedbackPlan(IReadOnlyList<FeedbackPair> Pairs, IReadOnlyList<string> Notes)
{
    /// <summary>This plan, where the net has its blocks.</summary>
    /// <exception cref="ArgumentException">It does not; all faults are named.</exception>
    public FeedbackPlan Checked(UNetLayout layout)
    {
        var (encoder, first, last) = (layout.InputBlocks.Count, layout.Middle.Number + 1, layout.Blocks.Count);
        var faults = Pairs.Where(pair => pair.From < first || pair.From > last || pair.To < 1 || pair.To > encoder)
            .Select(pair => $"{pair}: this net's decoder has blocks {first} to {last}, its encoder blocks 1 to {encoder}")
            .Concat(Pairs.GroupBy(pair => pair).Where(group => group.Count() > 1).Select(group => $"{group.Key} is there {group.Count()} times"))
            .Concat(Pairs.Count == 0 ? ["there are no pairs"] : []).ToList();
        return faults.Count == 0 ? this : throw new ArgumentException($"feedback: {string.Join("; ", faults)}");
    }
}
