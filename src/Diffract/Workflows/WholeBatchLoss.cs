using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// The loss of a head that norms over the batch, on a net that is trained in parts of one. Each part's maps are made once, and what gradients need of the net is let go; the head sees all of them
/// as the batch that they are; then each part goes through the net again, for the gradients that the head has left for its maps. One pass more, and the same gradients as those of the whole batch
/// at once (Gao et al. 2021, gradient cache).
/// </summary>
/// <param name="next">Maps and labels of a step's part: all parts of a step once, then all of them again.</param> <param name="head">The mean loss of the head on maps and labels.</param>
sealed class WholeBatchLoss(int parts, Func<long, int, SharedBatch> next, Func<long, IReadOnlyDictionary<FeatureKey, Tensor>, Tensor, Tensor> head) : IDisposable
{
    readonly List<IReadOnlyDictionary<FeatureKey, Tensor>> _gradients = [];                // of the loss by each part's maps
    readonly List<int[]> _rows = [];                                                       // each part's
    Tensor? _loss;

    /// <returns>A scalar with the value of the batch's loss, whose gradient is <paramref name="part"/>'s share, times the number of parts.</returns>
    public Tensor Of(long step, int part)
    {
        if (part == 0)
        {
            Dispose();
            HeadAlone(step);
        }
        using var scope = new TensorScope();
        var batch = next(step, part);
        if (!batch.Rows.SequenceEqual(_rows[part]))
        {
            throw new TrainException("a picture could be read once and not again, or the other way round, within one batch: see that the files are there, and run the same command again");
        }
        var share = batch.Maps[0].Select(pair => (pair.Value * _gradients[part][pair.Key]).Sum()).Aggregate((a, b) => a + b) * parts;
        return scope.Return(share - share.Detach() + _loss!);
    }

    // Gradients of the head's own weights are those of the whole batch then.
    void HeadAlone(long step)
    {
        using var scope = new TensorScope();
        var batches = Enumerable.Range(0, parts).Select(part =>
        {
            using var inner = new TensorScope();                                           // ends what was recorded of the net
            var batch = next(step, part);
            _rows.Add(batch.Rows);
            return (Maps: batch.Maps[0].ToDictionary(pair => pair.Key, pair => inner.Return(pair.Value.Detach())), Labels: inner.Return(batch.Labels));
        }).ToList();
        var whole = batches[0].Maps.Keys.ToDictionary(key => key, key => Aten.Cat([.. batches.Select(batch => batch.Maps[key])], 0));
        foreach (var map in whole.Values) { map.RequiresGrad = true; }
        var loss = head(step, whole, Aten.Cat([.. batches.Select(batch => batch.Labels)], 0));
        loss.Backward();
        _loss = loss.Detach().Keep();
        long at = 0;
        foreach (var count in batches.Select(batch => batch.Labels.Size(0)))
        {
            _gradients.Add(whole.ToDictionary(pair => pair.Key, pair => pair.Value.Grad!.Narrow(0, at, count).Keep()));
            at += count;
        }
    }

    public void Dispose()
    {
        _loss?.Dispose();
        _loss = null;
        foreach (var gradient in _gradients.SelectMany(part => part.Values)) { gradient.Dispose(); }
        _gradients.Clear();
        _rows.Clear();
    }
}
