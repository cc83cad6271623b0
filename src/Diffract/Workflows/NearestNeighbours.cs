using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>k nearest neighbours of a store's test rows among its training rows: a score of the features with nothing trained.</summary>
public static class NearestNeighbours
{
    /// <param name="name">The map, flattened; its first view and draw are used unless it says otherwise.</param>
    /// <exception cref="FeatureStoreException">The store lacks the map, labels or a split.</exception>
    public static IReadOnlyList<KnnScore> Run(FeatureStore store, FeatureName name, Knn knn, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        var (train, test) = (store.RowsOf(PictureSplit.Train), store.RowsOf(PictureSplit.Test));
        if (train.Length == 0 || test.Length == 0)
        {
            throw new FeatureStoreException($"{store.Folder} has {train.Length} training and {test.Length} test rows; neighbours need both");
        }
        return knn.Evaluate(store.Gather(name, train).Flatten(1), HeadTraining.Labels(store, train), store.Gather(name, test).Flatten(1), HeadTraining.Labels(store, test), store.Manifest.ClassNames.Count, cancel: cancellation);
    }
}
