using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Features;

/// <summary>An open feature store: rows of pooled maps in memory-mapped shards. Rows are gathered as they are needed, so memory stays small.</summary>
public sealed class FeatureStore : IDisposable
{
    readonly List<CheckpointFile> _shards = [];
    readonly Dictionary<FeatureName, StoredTensor[]> _maps = [];                           // by shard
    readonly int[] _firstRow;                                                              // of each shard, and the number of rows at the end

    FeatureStore(string folder, StoreManifest manifest)
    {
        (Folder, Manifest, Request) = (folder, manifest, manifest.Request);
        try
        {
            for (var shard = 0; shard < manifest.Shards; shard++)
            {
                _shards.Add(CheckpointFile.Open(Path.Combine(folder, StoreManifest.ShardName(shard))));
            }
            _firstRow = [0, .. _shards.Select(shard => checked((int)shard.Get("label").Count))];
            for (var i = 1; i < _firstRow.Length; i++)
            {
                _firstRow[i] += _firstRow[i - 1];
            }
            Labels = [.. _shards.SelectMany(shard => shard.Get("label").ToArray<long>())];
            Splits = [.. _shards.SelectMany(shard => shard.Get("split").ToArray<long>()).Select(split => (PictureSplit)split)];
            foreach (var name in Request.Names)
            {
                _maps[name] = [.. _shards.Select(shard => shard.Get(name.ToString()))];
            }
            Check();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Folder { get; }
    public StoreManifest Manifest { get; }
    public FeatureRequest Request { get; }

    /// <summary>Class of each row; -1 where there is none.</summary>
    public IReadOnlyList<long> Labels { get; }
    public IReadOnlyList<PictureSplit> Splits { get; }

    public int Rows => _firstRow[^1];

    /// <exception cref="FeatureStoreException">The folder holds none, or it is not complete.</exception> <exception cref="CheckpointException">A shard is damaged.</exception>
    public static FeatureStore Open(string folder)
    {
        var manifest = StoreManifest.Read(folder);
        return manifest.Complete ? new(folder, manifest)
            : throw new FeatureStoreException($"{folder} is not complete: extraction was stopped. Run the same `diffract extract` again; it goes on where it was.");
    }

    /// <summary>Rows of a split, ascending.</summary>
    public int[] RowsOf(params PictureSplit[] splits) => [.. Enumerable.Range(0, Rows).Where(row => splits.Contains(Splits[row]))];

    /// <summary>(C, h, w) of a map.</summary>
    /// <exception cref="FeatureStoreException">The store does not hold it.</exception>
    public long[] Shape(FeatureName name) => [.. Stored(0, name).Shape.Skip(1)];

    /// <summary>Checks that all of some maps are there.</summary>
    /// <exception cref="FeatureStoreException">Some are not; the message names them all.</exception>
    public void Require(IReadOnlyCollection<FeatureName> names)
    {
        var missing = names.Where(name => !_maps.ContainsKey(name)).Select(name => $"t={name.T}, block {name.Block}, pool {name.Pool}").Distinct().ToList();
        if (missing.Count > 0)
        {
            int[] All(Func<FeatureName, int> part) => [.. names.Select(part).Distinct().Order()];
            var wanted = Request with { T = All(name => name.T), Blocks = All(name => name.Block), Pools = All(name => name.Pool) };
            throw new FeatureStoreException($"{Folder} lacks {missing.Count} of {names.Select(name => (name.T, name.Block, name.Pool)).Distinct().Count()} maps that are needed: {string.Join("; ", missing)}. It holds {Held}. "
                + $"Extract all into another folder: diffract extract --model CKPT --data DIR {wanted.Options} --out STORE");
        }
    }

    /// <summary>Some rows of a map, in the order given.</summary>
    /// <returns>(rows, C, h, w) float32.</returns>
    public Tensor Gather(FeatureName name, ReadOnlySpan<int> rows)
    {
        var names = new FeatureName[rows.Length];
        Array.Fill(names, name);
        return Gather(names, rows);
    }

    /// <summary>As the other form, with a view and draw of its own for each row.</summary>
    /// <param name="names">Of equal t, block and pool.</param>
    public unsafe Tensor Gather(ReadOnlySpan<FeatureName> names, ReadOnlySpan<int> rows)
    {
        var shape = rows.Length == 0 ? [0, 0, 0] : Shape(names[0]);
        using var scope = new TensorScope();
        var result = Aten.Empty([rows.Length, .. shape], Request.StoredAs);
        var each = checked((int)(shape[0] * shape[1] * shape[2]));
        var size = Request.StoredAs.Size();
        for (var i = 0; i < rows.Length; i++)
        {
            var shard = ShardOf(rows[i]);
            Stored(shard, names[i]).CopyTo((long)(rows[i] - _firstRow[shard]) * each, new Span<byte>((byte*)result.Data + (long)i * each * size, each * size));
        }
        return scope.Return(result.To(DType.Float32));
    }

    /// <summary>One row of a map, (C, h, w) flattened, without making a tensor: several threads may read at a time.</summary>
    /// <param name="into">As many values as the map has.</param>
    /// <exception cref="FeatureStoreException">The store does not hold the map.</exception>
    public void Read(FeatureName name, int row, Span<float> into)
    {
        var shard = ShardOf(row);
        var (stored, first) = (Stored(shard, name), (long)(row - _firstRow[shard]) * into.Length);
        if (Request.StoredAs == DType.Float32)
        {
            stored.CopyTo(first, MemoryMarshal.AsBytes(into));
            return;
        }
        var halves = ArrayPool<Half>.Shared.Rent(into.Length);
        stored.CopyTo(first, MemoryMarshal.AsBytes(halves.AsSpan(0, into.Length)));
        for (var i = 0; i < into.Length; i++)
        {
            into[i] = (float)halves[i];
        }
        ArrayPool<Half>.Shared.Return(halves);
    }

    /// <summary>Hash of a row's picture file.</summary>
    public ContentHash HashOf(int row)
    {
        Span<byte> bytes = stackalloc byte[16];
        var shard = ShardOf(row);
        _shards[shard].Get("hash").CopyTo(16L * (row - _firstRow[shard]), bytes);
        return new(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>What each row is, in order: the picture's path, class and hash.</summary>
    public IEnumerable<StoreRow> ReadRows() => StoreRow.Read(Path.Combine(Folder, StoreManifest.RowsFile));

    public void Dispose() => _shards.ForEach(shard => shard.Dispose());

    int ShardOf(int row)
    {
        var at = Array.BinarySearch(_firstRow, row);
        while (at >= 0 && at + 1 < _firstRow.Length && _firstRow[at + 1] == row)           // shards without rows
        {
            at++;
        }
        return at >= 0 ? at : ~at - 1;
    }

    StoredTensor Stored(int shard, FeatureName name) => _maps.TryGetValue(name, out var maps) ? maps[shard]
        : throw new FeatureStoreException($"{Folder} does not hold t={name.T}, block {name.Block}, pool {name.Pool}, view {name.View}, draw {name.Draw}; it holds {Held}. Extract it into another folder.");

    string Held => $"t {string.Join(",", Request.T)}, blocks {string.Join(",", Request.Blocks)}, pools {string.Join(",", Request.Pools)}, {Request.Views} views, {Request.Draws} draws";

    void Check()
    {
        var classes = Manifest.ClassNames.Count;
        if (Labels.Any(label => label < -1 || label >= classes) || Splits.Count != Labels.Count)
        {
            throw new FeatureStoreException($"{Folder}: its labels do not fit its {classes} classes; the store is damaged, extract it again");
        }
        for (var shard = 0; shard < _shards.Count; shard++)
        {
            foreach (var name in Request.Names)
            {
                var (stored, first) = (Stored(shard, name), Stored(0, name));
                if (stored.DType != Request.StoredAs || stored.Shape.Length != 4 || stored.Shape[0] != _firstRow[shard + 1] - _firstRow[shard] || !stored.IsContiguous || !stored.Shape.Skip(1).SequenceEqual(first.Shape.Skip(1)))
                {
                    throw new FeatureStoreException($"{_shards[shard].Path}: {stored} does not fit the manifest; the store is damaged, extract it again");
                }
            }
        }
    }
}

/// <summary>A line of rows.jsonl.</summary>
/// <param name="Row">Place in the store.</param> <param name="File">The picture's path in its set.</param> <param name="Class">Its class's name; null where it has none.</param>
/// <param name="Split">"train", "validation", "test", or "none".</param> <param name="Hash">First half of its SHA-256, in hex.</param>
public sealed record StoreRow(int Row, string File, string? Class, string Split, string Hash)
{
    /// <param name="path">Of rows.jsonl.</param>
    internal static IEnumerable<StoreRow> Read(string path) => System.IO.File.ReadLines(path).Select(line => JsonSerializer.Deserialize<StoreRow>(line, JsonSerializerOptions.Web)!);
}
