using System.Buffers.Binary;
using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Whether the pictures that a store was made of are still what they were. <see cref="StoreMatch"/> compares what they are called; this compares what is in them.</summary>
static class StoredPictures
{
    /// <summary>Reads every picture of some shards once and compares its hash with that of its row; one that could not be decoded then is tried again.</summary>
    /// <param name="shards">Those that are whole.</param>
    /// <exception cref="FeatureStoreException">Some have changed; the message names the first.</exception>
    public static void Check(string folder, StoreManifest manifest, ExtractItems items, IReadOnlyCollection<int> shards, ExtractOptions options, Action<Progress>? report, CancellationToken cancellation)
    {
        if (!options.ComparePictures)
        {
            return;
        }
        var (done, total) = (0, shards.Sum(shard => Places(manifest, shard).Count()));
        var meter = new ProgressMeter("compare", "pictures", 0, total, report);
        var changed = new SortedSet<int>();                                                // places among the items
        PictureOperators.Load();                                                           // missing libraries are no picture's fault
        foreach (var shard in shards)
        {
            var hashes = Hashes(Path.Combine(folder, StoreManifest.ShardName(shard)));
            Parallel.ForEach(Places(manifest, shard), new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancellation }, place =>
            {
                var isSame = IsSame(items, place, hashes.TryGetValue(place, out var hash) ? hash : null, manifest.Request);
                lock (meter)
                {
                    meter.Report(++done);
                    if (!isSame) { changed.Add(place); }
                }
            });
        }
        if (changed.Count > 0)
        {
            string[] first = [.. changed.Take(3).Select(place => items.Set.Items[items.Items[place].Item].Path)];
            throw new FeatureStoreException($"{folder} was made of other pictures: of {total:n0} that it holds {changed.Count:n0} {(changed.Count == 1 ? "has" : "have")} other contents now: {string.Join(", ", first)}{(changed.Count > first.Length ? ", ..." : "")}. "
                + "Choose another folder, or delete this one to extract the pictures as they are now.");
        }
    }

    static IEnumerable<int> Places(StoreManifest manifest, int shard) => Enumerable.Range(shard * manifest.ShardPictures, Math.Min(manifest.ShardPictures, manifest.Pictures - shard * manifest.ShardPictures));

    // Of the pictures that have a row.
    static Dictionary<int, ContentHash> Hashes(string shard)
    {
        using var file = CheckpointFile.Open(shard);
        var (places, bytes) = (file.Get("item").ToArray<long>(), file.Get("hash").ToArray<byte>());
        return places.Index().ToDictionary(row => (int)row.Item, row => new ContentHash(BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(16 * row.Index, 16))));
    }

    static bool IsSame(ExtractItems items, int place, ContentHash? hash, FeatureRequest request)
    {
        var item = items.Items[place].Item;
        try
        {
            if (hash is not null) { return ContentHash.Of(items.Set.ReadBytes(item)) == hash; }
            BatchLoader.LoadOne(items.Set, new(item), request.Height, request.Width, request.Exif);
            return false;
        }
        catch (PictureException) { return hash is null; }
    }
}
