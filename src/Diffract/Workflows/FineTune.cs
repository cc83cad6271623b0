using Diffract.Features;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>Training of a backbone together with a head.</summary>
public static class FineTune
{
    /// <summary>
    /// Trains the head and the backbone's blocks up to the deepest that the head reads, tests on every test picture, and writes the head, the whole tuned
    /// backbone (<see cref="BackboneTuning.ModelFile"/>, a checkpoint like any other) and result.json; a run that was stopped is taken up where it was.
    /// </summary>
    /// <remarks>
    /// With feedback (DifFeed) gradients flow through the second pass alone, as in the released code: what its first pass gives is constant, and of a block that both passes share the
    /// second is differentiated. The blocks up to the deepest that is read of the second pass are trained.
    /// </remarks>
    /// <param name="backbone">Opened whole, in float32; its weights are changed.</param>
    /// <param name="features">t, blocks, size; draws that a test averages over. Its precision is <paramref name="tuning"/>'s.</param>
    /// <param name="look">How training sees the pictures.</param> <param name="tuning">How the backbone is trained.</param> <param name="folder">Receives the files, and until it is done the state of the run.</param>
    /// <exception cref="TrainException">A split is empty, a class has no training pictures, or the loss is not finite.</exception>
    public static HeadResult Run(Backbone backbone, ExtractItems items, FeatureRequest features, LiveConfig look, TuningConfig tuning, TrainHeadRequest request, string folder,
        ExtractOptions? options = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var deepest = request.Head is FeedbackHeadConfig feedback ? feedback.ReadBlocks[^1] : (request.Blocks ?? features.Blocks)[^1];
        var trained = new BackboneTuning(backbone, deepest, tuning);
        using var source = new LiveSource(backbone, items, features with { Precision = tuning.Precision }, look, options, trained);
        return TrainHead.Run(source, request, folder, report, cancellation);
    }
}
