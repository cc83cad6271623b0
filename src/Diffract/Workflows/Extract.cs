using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What an extraction did.</summary>
/// <param name="AlreadyThere">The store already held what was asked for, and nothing was done.</param>
public sealed record ExtractSummary(StoreManifest Manifest, bool AlreadyThere)
{
    public int Rows => Manifest.Pictures - Manifest.Failures.Count;

    /// <summary>Shards of a finished store that were missing or damaged and were made again.</summary>
    public IReadOnlyList<string> Remade { get; init; } = [];

    /// <exception cref="PictureException">With <see cref="ExtractOptions.Strict"/>: a picture could not be read, in this run or an earlier one.</exception>
    internal ExtractSummary Under(ExtractOptions options) => options.Strict && Manifest.Failures is [var (path, error), ..] ? throw new PictureException(StoreManifest.Named(path, error)) : this;
}

/// <summary>Pictures to a feature store: shard by shard, each whole or not at all, so that a run that was stopped goes on where it was.</summary>
public static class Extract
{
    /// <exception cref="FeatureStoreException">The folder holds features that were made differently or of other pictures, the message says what differs; or features are NaN or infinite.</exception>
    /// <exception cref="PictureException">With <see cref="ExtractOptions.Strict"/>: a picture cannot be read. Always: no picture can.</exception>
    /// <exception cref="ArgumentException">The net does not have what is asked for, or an option is out of range.</exception>
    public static ExtractSummary Run(Backbone backbone, ExtractItems items, FeatureRequest request, string folder, ExtractOptions? options = null,
        Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        options ??= new();
        options.Check();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(backbone.Schedule));
        var extractor = new FeatureExtractor(backbone.Net, diffusion, request);
        var how = How(backbone, items, request);
        using var claim = StoreMatch.Find(folder, items, how) is { Complete: true } finished && IsWhole(finished, folder) ? null : OutputFolder.Claim(folder);
        var existing = Find(how, items, folder, options, report, cancellation);            // again: another run may have ended before the claim
        if (existing is { Complete: true } && IsWhole(existing, folder))
        {
            return new ExtractSummary(existing, AlreadyThere: true).Under(options);
        }
        string[] remade = existing is { Complete: true } ? [.. Missing(existing, folder).Select(StoreManifest.ShardName)] : [];
        if (existing is not null)
        {
            extractor = new(backbone.Net, diffusion, WithinReach(existing, folder, backbone)); // all that the store was made with, which may be more than is asked for now
        }
        var manifest = existing ?? Begin(how, backbone, items, request, folder, options);
        try
        {
            WriteShards(manifest, items, extractor, folder, options, report, cancellation); // with the batch and shard sizes it was begun with
        }
        catch (FeatureStoreException) when (existing is null && !File.Exists(Path.Combine(folder, StoreManifest.ShardName(0))))
        {
            File.Delete(Path.Combine(folder, StoreManifest.File));                         // so that another checkpoint can use the folder
            File.Delete(Path.Combine(folder, StoredList.File));
            throw;
        }
        return new ExtractSummary(Finish(manifest, items, folder), AlreadyThere: false) { Remade = remade }.Under(options);
    }

    /// <summary>The store in a folder where it is finished and holds what is asked for, so that <see cref="Run"/> has nothing to do; else null.</summary>
    /// <exception cref="FeatureStoreException">The folder holds features that were made differently or of other pictures.</exception>
    public static ExtractSummary? Held(Backbone backbone, ExtractItems items, FeatureRequest request, string folder, ExtractOptions? options = null, Action<Progress>? report = null, CancellationToken cancellation = default) =>
        Find(How(backbone, items, request), items, folder, options ?? new(), report, cancellation) is { Complete: true } existing && IsWhole(existing, folder) ? new(existing, AlreadyThere: true) : null;

    // Its pictures are compared with what they are now, those of shards that will be made again excepted.
    static StoreManifest? Find(JsonObject how, ExtractItems items, string folder, ExtractOptions options, Action<Progress>? report, CancellationToken cancellation)
    {
        var existing = StoreMatch.Find(folder, items, how);
        if (existing is not null)
        {
            StoredPictures.Check(folder, existing, items, [.. Enumerable.Range(0, existing.Shards).Except(Missing(existing, folder))], options, report, cancellation);
        }
        return existing;
    }

    /// <summary>Bytes that one picture's features take in a store.</summary>
    public static long BytesPerPicture(FeatureRequest request, UNetLayout layout) =>
        request.Names.Sum(name => request.Shape(name, layout).Aggregate(1L, (a, b) => a * b)) * request.StoredAs.Size();

    internal static JsonObject How(Backbone backbone, ExtractItems items, FeatureRequest request) => new()
    {
        ["program"] = "diffract " + typeof(Extract).Assembly.GetName().Version!.ToString(3),
        ["libtorch"] = Torch.Torch.Version,
        ["model"] = backbone.ToJson(),
        ["data"] = new JsonObject { ["name"] = items.Set.Name, ["pictures"] = items.Items.Count, ["listSha256"] = items.ListHash() },
        ["preprocessing"] = "shorter side to the net's by halvings (BOX) and BICUBIC in Pillow's fixed point, centre crop, x / 127.5 - 1",
        ["features"] = request.ToJson(),
    };

    static void WriteShards(StoreManifest manifest, ExtractItems items, FeatureExtractor extractor, string folder, ExtractOptions options, Action<Progress>? report, CancellationToken cancellation)
    {
        var missing = Missing(manifest, folder);
        int Size(int shard) => Math.Min(manifest.ShardPictures, manifest.Pictures - shard * manifest.ShardPictures);
        long done = manifest.Pictures - missing.Sum(shard => (long)Size(shard));
        var meter = new ProgressMeter("extract", "pictures", done, manifest.Pictures, report);
        foreach (var shard in missing)
        {
            var part = items.Items.Skip(shard * manifest.ShardPictures).Take(Size(shard)).ToArray();
            var writer = new ShardWriter(extractor, items.Set, part, shard * manifest.ShardPictures, (int)manifest.How["batch"]!, options);
            writer.Fill(count => meter.Report(done += count), cancellation);
            writer.Write(Path.Combine(folder, StoreManifest.ShardName(shard)), Fingerprint(manifest));
        }
    }

    static StoreManifest Begin(JsonObject how, Backbone backbone, ExtractItems items, FeatureRequest request, string folder, ExtractOptions options)
    {
        how["batch"] = options.BatchFor(request);
        var manifest = new StoreManifest
        {
            How = how, ClassNames = items.Set.ClassNames, Splits = items.Decision, Pictures = items.Items.Count, ShardPictures = options.ShardPictures(request, backbone.Net.Layout),
        };
        AtomicFile.Write(Path.Combine(folder, StoredList.File), stream =>
        {
            foreach (var line in items.ListLines()) { stream.Write(Encoding.UTF8.GetBytes(line + "\n")); }
        });
        manifest.Write(folder);
        return manifest;
    }

    static string Fingerprint(StoreManifest manifest) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(manifest.How.ToJsonString())));

    static int[] Missing(StoreManifest manifest, string folder)
    {
        var fingerprint = Fingerprint(manifest);
        return [.. Enumerable.Range(0, manifest.Shards).Where(shard => !ShardWriter.IsWhole(Path.Combine(folder, StoreManifest.ShardName(shard)), fingerprint, manifest.Request))];
    }

    static bool IsWhole(StoreManifest manifest, string folder) => File.Exists(Path.Combine(folder, StoreManifest.RowsFile)) && Missing(manifest, folder).Length == 0;

    static FeatureRequest WithinReach(StoreManifest manifest, string folder, Backbone backbone) => manifest.Request.Blocks[^1] <= backbone.Net.Last ? manifest.Request
        : throw new FeatureStoreException($"{folder} lacks {string.Join(", ", Missing(manifest, folder).Take(4).Select(StoreManifest.ShardName))}, which hold more than is asked for now; extract all that it held to make them again: blocks {string.Join(",", manifest.Request.Blocks)}");

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
        File.Delete(Path.Combine(folder, StoredList.File));                                // the rows tell now
        var complete = manifest with { Failures = failures, Complete = true };
        complete.Write(folder);
        return complete;
    }
}
