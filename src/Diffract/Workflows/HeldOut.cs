using Diffract.Data;
using Diffract.Diffusion;

namespace Diffract.Workflows;

/// <summary>Training rows divided for a choice: fitted on one part, compared on the other. The test rows are in neither.</summary>
/// <param name="Fit">Rows of the source.</param> <param name="Held">Likewise; empty where nothing can be held out.</param> <param name="Where">What the held-out pictures are, for people.</param>
public sealed record HeldOut(int[] Fit, int[] Held, string Where)
{
    /// <summary>
    /// The source's validation part, where it has one and all training rows are used; else a share of each class of the training rows, at least one row and at most all but one.
    /// Who learns from few labels has no others to choose by.
    /// </summary>
    /// <param name="train">Training rows. Who is held out follows from a row's place among them: the same pictures whether or not the source has others besides.</param> <param name="share">0 to 1.</param>
    public static HeldOut Of(HeadSource source, int[] train, double share, ulong seed)
    {
        if (source.RowsOf(PictureSplit.Validation) is { Length: > 0 } validation && train.Length == source.RowsOf(PictureSplit.Train).Length)
        {
            return new(train, validation, "pictures of the validation part");
        }
        int[] held = [.. train.Index().GroupBy(one => source.Labels[one.Item]).SelectMany(own =>
        {
            int[] ranked = [.. own.OrderBy(one => Seeds.Of(seed, (ulong)one.Index, purpose: 9)).Select(one => one.Item)];
            return ranked.Take(ranked.Length < 2 ? 0 : Math.Clamp((int)Math.Round(ranked.Length * share), 1, ranked.Length - 1));
        }).Order()];
        return new([.. train.Except(held)], held, "held-out training pictures");
    }
}
