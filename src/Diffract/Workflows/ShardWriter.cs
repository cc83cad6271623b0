using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>One shard of a feature store: extracts its pictures into memory, then writes it whole.</summary>
sealed class ShardWriter(FeatureExtractor extractor, PictureSet set, (int Item, PictureSplit Split)[] part, int firstItem, int batchSize, ExtractOptions options)
{
    public const string FingerprintKey = "how.sha256", FailuresKey = "failures";

    readonly Dictionary<FeatureName, float[]> _maps = extractor.Request.Names.ToDictionary(name => name, name => new float[part.Length * Elements(extractor, name)]);
    readonly List<long> _labels = [], _splits = [], _items = [];
    readonly List<byte> _hashes = [];
    readonly List<string[]> _failures = [];

    /// <param name="taken">Called with the number of pictures done since the last call.</param>
    /// <exception cref="FeatureStoreException">Features are not finite.</exception>
    public void Fill(Action<int> taken, CancellationToken cancellation)
    {
        var request = extractor.Request;
        var loader = new LoaderOptions { Height = request.Height, Width = request.Width, BatchSize = batchSize, Workers = options.Workers, Exif = request.Exif };
        foreach (var batch in BatchLoader.Load(set, [.. part.Select(p => new LoadRequest(p.Item))], loader, cancellation))
        {
            foreach (var failure in batch.Failures)
            {
                if (options.Strict)
                {
                    throw failure.Error;
                }
                _failures.Add([set.Items[failure.Item].Path, failure.Error.Message]);
            }
            if (batch.Pictures.Count > 0)
            {
                Take(batch);
            }
            taken(batch.Pictures.Count + batch.Failures.Count);
        }
    }

    void Take(PictureBatch batch)
    {
        using var scope = new TensorScope();
        var x0 = Aten.Empty([batch.Pictures.Count, 3, batch.Height, batch.Width]);
        batch.Normalise(x0.Span<float>());
        var first = _labels.Count;
        extractor.Extract(x0, [.. batch.Pictures.Select(p => p.Hash)], (name, map) =>
        {
            Check(batch, name, map);
            map.Span<float>().CopyTo(_maps[name].AsSpan(first * (int)(map.Elements / map.Size(0))));
        });
        foreach (var picture in batch.Pictures)
        {
            _labels.Add(set.Items[picture.Item].Class);
            _splits.Add((long)part[picture.Request].Split);
            _items.Add(firstItem + picture.Request);
            _hashes.AddRange(Convert.FromHexString(picture.Hash.ToString()));
        }
    }

    // What goes into a store is finite, in the type in which it is kept.
    void Check(PictureBatch batch, FeatureName name, Tensor map)
    {
        using var scope = new TensorScope();
        var stored = extractor.Request.StoredAs;
        if (NotFinite.FirstRow(map.To(stored).To(DType.Float32)) is { } row)
        {
            var path = set.Items[batch.Pictures[row].Item].Path;
            throw new FeatureStoreException(NotFinite.FirstRow(map) is not null ? $"{path}: {NotFinite.Made(name)}"
                : $"{path}: its features at t = {name.T}, block {name.Block} are too large for float16, which ends at 65,504. Store them as float32 (--store-as fp32).");
        }
    }

    public void Write(string path, string fingerprint)
    {
        var rows = _labels.Count;
        var entries = _maps.Select(pair => Map(pair.Key, pair.Value, rows)).Concat(
        [
            SafetensorsEntry.Of("label", [rows], [.. _labels]),
            SafetensorsEntry.Of("split", [rows], [.. _splits]),
            SafetensorsEntry.Of("item", [rows], [.. _items]),
            SafetensorsEntry.Of("hash", DType.UInt8, [rows, 16], _hashes.ToArray()),
        ]);
        SafetensorsWriter.Write(path, entries, Metadata(fingerprint, _failures));
    }

    /// <param name="failures">Path and error of each picture that could not be read.</param>
    public static Dictionary<string, string> Metadata(string fingerprint, IReadOnlyList<string[]> failures) => new() { [FingerprintKey] = fingerprint, [FailuresKey] = JsonSerializer.Serialize(failures) };

    public static IEnumerable<(string Path, string Error)> Failures(CheckpointFile shard) =>
        JsonSerializer.Deserialize<string[][]>(shard.Metadata.GetValueOrDefault(FailuresKey, "[]"))!.Select(pair => (pair[0], pair[1]));

    /// <summary>True where a shard is there with all its maps; its directory alone is read.</summary>
    /// <exception cref="FeatureStoreException">It belongs to another extraction.</exception>
    public static bool IsWhole(string path, string fingerprint, FeatureRequest request)
    {
        if (!File.Exists(path))
        {
            return false;
        }
        try
        {
            using var file = CheckpointFile.Open(path);
            return file.Metadata.GetValueOrDefault(FingerprintKey) == fingerprint ? request.Names.All(name => file.Tensors.ContainsKey(name.ToString()))
                : throw new FeatureStoreException($"{path} is of another extraction than the folder's manifest; delete the folder and extract again");
        }
        catch (CheckpointException)                                                        // cut short or overwritten: made again
        {
            return false;
        }
    }

    static int Elements(FeatureExtractor extractor, FeatureName name) => checked((int)extractor.Request.Shape(name, extractor.Layout).Aggregate(1L, (a, b) => a * b));

    SafetensorsEntry Map(FeatureName name, float[] values, int rows)
    {
        var used = rows * (values.Length / Math.Max(part.Length, 1));
        long[] shape = [rows, .. extractor.Request.Shape(name, extractor.Layout)];
        return extractor.Request.StoredAs == DType.Float32
            ? new(name.ToString(), DType.Float32, shape, stream => stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan(0, used))))
            : new(name.ToString(), DType.Float16, shape, stream => stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan(0, used).ToArray().Select(v => (Half)v).ToArray().AsSpan())));
    }
}
