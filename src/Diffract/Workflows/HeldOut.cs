using Diffract.Data;
using Diffract.Diffusion;

namespace Diffract.Workflows;

/// <summary>Training rows divided for a choice: fitted on one part, compared on the other. The test rows are in neither.</summary>
/// <param name="Fit">Rows of the source.</param> <param name="Held">Likewise; empty where nothing can be held out.</param> <param name="Where">What the held-out pictures are, for people.</param>
public sealed record HeldOut(int[] Fit, int[] Held, string Where)
{
    /// <summary>The source's validation part, where it has one; else a share of each class of the training rows, at least one row and at most all but one.</summary>
    /// <param name="train">Training rows.</param> <param name="share">0 to 1.</param>
    public static HeldOut Of(HeadSource source, int[] train, double share, ulong seed)
    {
        if (source.RowsOf(PictureSplit.Validation) is { Length: > 0 } validation)
        {
            return new(train, validation, "pictures of the validation part");
        }
        int[] held = [.. train.GroupBy(row => source.Labels[row]).SelectMany(rows =>
        {
            int[] ranked = [.. rows.OrderBy(row => Seeds.Of(seed, (ulong)row, purpose: 9))];
            return ranked.Take(ranked.Length < 2 ? 0 : Math.Clamp((int)Math.Round(ranked.Length * share), 1, ranked.Length - 1));
        }).Order()];
        return new([.. train.Except(held)], held, "held-out training pictures");
    }
}
