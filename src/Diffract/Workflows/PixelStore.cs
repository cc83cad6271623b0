using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// Raw pixels in the form of a feature store, so that the same training serves as the baseline that every representation must beat.
/// The map is the picture itself, (3, H, W) in [-1, 1], under t = 0 and block 1.
/// </summary>
public static class PixelStore
{
    static readonly string Fingerprint = new('0', 64);                                     // in the place of a checkpoint's

    /// <summary>The pictures' side, which a linear head reads whole where no pool is asked for; null: a store of features.</summary>
    public static int? SideOf(FeatureStore store) => (string?)store.Manifest.How["model"]!["sha256"] == Fingerprint ? store.Request.Width : null;

    /// <summary>As <see cref="Write"/>, and opens the store.</summary>
    public static FeatureStore Make(ExtractItems items, int size, string folder)
    {
        Write(items, size, folder);
        return FeatureStore.Open(folder);
    }

    /// <summary>Writes the store; one that is there already and holds the same pictures is left.</summary>
    /// <param name="size">Side in pixels, 1 to 1024.</param>
    /// <exception cref="FeatureStoreException">The folder holds another store; the message says what differs.</exception>
    /// <exception cref="PictureException">With <see cref="ExtractOptions.Strict"/>: a picture cannot be read. Always: no picture can.</exception>
    public static ExtractSummary Write(ExtractItems items, int size, string folder, ExtractOptions? options = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        options ??= new();
        options.Check();
        if (size is < 1 or > 1024)
        {
            throw new ArgumentException($"{size} pixels: expected a side of 1 to 1024");
        }
        var request = new FeatureRequest { T = [0], Blocks = [1], Pools = [0], Height = size, Width = size };
        var how = new JsonObject
        {
            // The layout of a net whose first block has three channels; the store's reader asks for it.
            ["model"] = new JsonObject { ["name"] = "raw pixels", ["sha256"] = Fingerprint, ["unet"] = new Models.UNetConfig { ImageSize = size, ModelChannels = 32, ChannelMult = [1], AttentionFactors = new HashSet<int>() }.ToJson(), ["noiseSchedule"] = "linear" },
            ["data"] = new JsonObject { ["name"] = items.Set.Name, ["pictures"] = items.Items.Count, ["listSha256"] = items.ListHash() },
            ["features"] = request.ToJson(),
            ["batch"] = 64,
        };
        var shard = Path.Combine(folder, StoreManifest.ShardName(0));
        bool IsFinished(StoreManifest? store) => store is { Complete: true } && ShardWriter.IsWhole(shard, "", request);
        using var claim = IsFinished(StoreMatch.Find(folder, items, how)) ? null : OutputFolder.Claim(folder);
        var existing = StoreMatch.Find(folder, items, how);                                // again: another run may have ended before the claim
        if (existing is not null && IsFinished(existing))
        {
            StoredPictures.Check(folder, existing, items, [0], options, report, cancellation);
            return new ExtractSummary(existing, AlreadyThere: true).Under(options);
        }
        var (values, labels, splits, places, hashes, failures) = (new List<byte[]>(), new List<long>(), new List<long>(), new List<long>(), new List<byte>(), new List<string[]>());
        var meter = new ProgressMeter("extract", "pictures", 0, items.Items.Count, report);
        var loader = new LoaderOptions { Height = size, Width = size, BatchSize = 64, Workers = options.Workers };
        foreach (var batch in BatchLoader.Load(items.Set, [.. items.Items.Select(item => new LoadRequest(item.Item))], loader, cancellation))
        {
            if (options.Strict && batch.Failures is [var first, ..])
            {
                throw first.Error;
            }
            var each = new float[batch.Pictures.Count * 3 * size * size];
            batch.Normalise(each);
            values.Add(MemoryMarshal.AsBytes(each.AsSpan()).ToArray());
            labels.AddRange(batch.Pictures.Select(p => (long)items.Set.Items[p.Item].Class));
            splits.AddRange(batch.Pictures.Select(p => (long)items.Items[p.Request].Split));
            places.AddRange(batch.Pictures.Select(p => (long)p.Request));
            hashes.AddRange(batch.Pictures.SelectMany(p => Convert.FromHexString(p.Hash.ToString())));
            failures.AddRange(batch.Failures.Select(failure => new[] { items.Set.Items[failure.Item].Path, failure.Error.Message }));
            meter.Report(labels.Count + failures.Count);
        }
        SafetensorsWriter.Write(shard,
        [
            new(request.Names.Single().ToString(), DType.Float32, [labels.Count, 3, size, size], stream => values.ForEach(part => stream.Write(part))),
            SafetensorsEntry.Of("label", [labels.Count], [.. labels]), SafetensorsEntry.Of("split", [splits.Count], [.. splits]),
            SafetensorsEntry.Of("item", [places.Count], [.. places]), SafetensorsEntry.Of("hash", DType.UInt8, [places.Count, 16], hashes.ToArray()),
        ], ShardWriter.Metadata("", failures));
        var manifest = new StoreManifest { How = how, ClassNames = items.Set.ClassNames, Splits = items.Decision, Pictures = items.Items.Count, ShardPictures = items.Items.Count };
        return new(Extract.Finish(manifest, items, folder), AlreadyThere: false) { Remade = existing is null ? [] : [StoreManifest.ShardName(0)] };
    }

    /// <summary>Logistic regression on all pixels. They tell so little one by one that only strong penalties come into question.</summary>
    public static TrainHeadRequest Request(int size) => new(new LinearConfig { Pool = size, BatchNorm = true }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [10, 3, 1, 0.3, 0.1] });
}
