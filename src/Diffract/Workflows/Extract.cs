using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What an extraction did.</summary>
/// <param name="AlreadyThere">The store already held what was asked for, and nothing was done.</param>
public sealed record ExtractSummary(StoreManifest Manifest, bool AlreadyThere)
{
    public int Rows => Manifest.Pictures - Manifest.Failures.Count;
}

/// <summary>Pictures to a feature store: shard by shard, each whole or not at all, so that a run that was stopped goes on where it was.</summary>
public static class Extract
{
    /// <exception cref="FeatureStoreException">The folder holds features that were made differently, the message says what differs; or features are NaN or infinite.</exception>
    /// <exception cref="PictureException">With <see cref="ExtractOptions.Strict"/>: a picture cannot be read. Always: no picture can.</exception>
    public static ExtractSummary Run(Backbone backbone, ExtractItems items, FeatureRequest request, string folder, ExtractOptions? options = null, Device? device = null,
        Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        options ??= new();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(backbone.Schedule));
        var extractor = new FeatureExtractor(backbone.Net, diffusion, request, device);
        var how = How(backbone, items, request);
        how["batch"] = options.BatchFor(request);
        Directory.CreateDirectory(folder);
        if (File.Exists(Path.Combine(folder, StoreManifest.File)))
        {
            var existing = StoreManifest.Read(folder);
            RefuseDifferent(folder, how, existing, request);
            if (existing.Complete)
            {
                return new(existing, AlreadyThere: true);
            }
            WriteShards(existing, items, extractor, folder, options, report, cancellation); // with the batch and shard sizes it was begun with
            return new(Finish(existing, items, folder), AlreadyThere: false);
        }
        var manifest = new StoreManifest
        {
            How = how, ClassNames = items.Set.ClassNames, Splits = items.Decision, Pictures = items.Items.Count, ShardPictures = (int)Math.Clamp(options.ShardBytes / BytesPerPicture(request, extractor) / 16 * 16, 16, 4096),
        };
        manifest.Write(folder);
        try
        {
            WriteShards(manifest, items, extractor, folder, options, report, cancellation);
        }
        catch (FeatureStoreException) when (!File.Exists(Path.Combine(folder, StoreManifest.ShardName(0))))
        {
            File.Delete(Path.Combine(folder, StoreManifest.File));                         // so that another checkpoint can use the folder
            throw;
        }
        return new(Finish(manifest, items, folder), AlreadyThere: false);
    }

    /// <summary>Bytes that one picture's features take in a store.</summary>
    public static long BytesPerPicture(FeatureRequest request, FeatureExtractor extractor) =>
        request.Names.Sum(name => request.Shape(name, extractor.Layout).Aggregate(1L, (a, b) => a * b)) * request.StoredAs.Size();

    internal static JsonObject How(Backbone backbone, ExtractItems items, FeatureRequest request) => new()
    {
        ["program"] = "diffract " + typeof(Extract).Assembly.GetName().Version!.ToString(3),
        ["libtorch"] = Torch.Torch.Version,
        ["model"] = backbone.ToJson(),
        ["data"] = new JsonObject { ["name"] = items.Set.Name, ["pictures"] = items.Items.Count, ["listSha256"] = items.ListHash() },
        ["preprocessing"] = "shorter side to the net's by halvings (BOX) and BICUBIC in Pillow's fixed point, centre crop, x / 127.5 - 1",
        ["features"] = request.ToJson(),
    };

    static void RefuseDifferent(string folder, JsonObject how, StoreManifest existing, FeatureRequest request)
    {
        var (mine, theirs) = (how.DeepClone().AsObject(), existing.How.DeepClone().AsObject());
        foreach (var side in (JsonObject[])[mine, theirs])
        {
            side.Remove("batch");                                                          // it does not change what the features are
            ((JsonObject)side["data"]!).Remove("name");                                    // the list's hash says what they are of, wherever they lie now
        }
        if (existing.Complete && existing.Request.Holds(request))
        {
            mine.Remove("features");
            theirs.Remove("features");
        }
        var differences = StoreManifest.Differences(mine, theirs);
        if (differences.Count > 0)
        {
            throw new FeatureStoreException($"{folder} holds features that were made differently: {string.Join("; ", differences.Take(6))}. Choose another folder, or delete this one.");
        }
    }

    static void WriteShards(StoreManifest manifest, ExtractItems items, FeatureExtractor extractor, string folder, ExtractOptions options, Action<Progress>? report, CancellationToken cancellation)
    {
        var fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(manifest.How.ToJsonString())));
        int[] missing = [.. Enumerable.Range(0, manifest.Shards).Where(shard => !Exists(folder, shard, fingerprint))];
        int Size(int shard) => Math.Min(manifest.ShardPictures, manifest.Pictures - shard * manifest.ShardPictures);
        long done = manifest.Pictures - missing.Sum(shard => (long)Size(shard));
        var meter = new ProgressMeter("extract", "pictures", done, manifest.Pictures, report);
        foreach (var shard in missing)
        {
            var part = items.Items.Skip(shard * manifest.ShardPictures).Take(Size(shard)).ToArray();
            var writer = new ShardWriter(extractor, items.Set, part, shard * manifest.ShardPictures, (int)manifest.How["batch"]!, options);
            writer.Fill(count => meter.Report(done += count), cancellation);
            writer.Write(Path.Combine(folder, StoreManifest.ShardName(shard)), fingerprint);
        }
    }

    static bool Exists(string folder, int shard, string fingerprint)
    {
        var path = Path.Combine(folder, StoreManifest.ShardName(shard));
        if (!File.Exists(path))
        {
            return false;
        }
        using var file = CheckpointFile.Open(path);
        return file.Metadata.GetValueOrDefault(ShardWriter.FingerprintKey) == fingerprint
            ? true : throw new FeatureStoreException($"{path} is of another extraction than the folder's manifest; delete the folder and extract again");
    }

    // The rows' file and the complete manifest, from what the shards say.
    /// <summary>Writes rows.jsonl and the completed manifest, once all shards are there.</summary>
    internal static StoreManifest Finish(StoreManifest manifest, ExtractItems items, string folder)
    {
        var failures = new List<(string, string)>();
        AtomicFile.Write(Path.Combine(folder, StoreManifest.RowsFile), stream =>
        {
            var row = 0;
            for (var shard = 0; shard < manifest.Shards; shard++)
            {
                using var file = CheckpointFile.Open(Path.Combine(folder, StoreManifest.ShardName(shard)));
                failures.AddRange(ShardWriter.Failures(file));
                var hashes = file.Get("hash").ToArray<byte>();
                var indices = file.Get("item").ToArray<long>();
                for (var i = 0; i < indices.Length; i++)
                {
                    var (item, split) = items.Items[(int)indices[i]];
                    var picture = items.Set.Items[item];
                    stream.Write(JsonSerializer.SerializeToUtf8Bytes(new StoreRow(row++, picture.Path, picture.Class < 0 ? null : items.Set.ClassNames[picture.Class],
                        split.ToString().ToLowerInvariant(), Convert.ToHexStringLower(hashes.AsSpan(16 * i, 16))), JsonSerializerOptions.Web));
                    stream.WriteByte((byte)'\n');
                }
            }
        });
        if (failures.Count == manifest.Pictures)
        {
            throw new PictureException($"none of the {manifest.Pictures} pictures of {items.Set.Name} could be read; the first: {failures[0].Item2}");
        }
        var complete = manifest with { Failures = failures, Complete = true };
        complete.Write(folder);
        return complete;
    }
}
