using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Rows of a feature store. An epoch shows each in one of its stored views and draws.</summary>
public sealed class StoreSource : HeadSource
{
    readonly FeatureStore _store;
    readonly Dictionary<FeatureName, BitArray> _finite = [];                               // of a map, the looks at rows that were found to be so: every epoch reads them again
    string[]? _files;

    /// <param name="backbone">The one that the store was made with; needed for a head with feedback only.</param> <param name="device">Where heads are trained or tested that have no backbone; null: on the processor. With one it is the backbone's.</param>
    /// <param name="classNames">Classes of a head, to which the store's are matched by name; null: the store's own.</param>
    /// <exception cref="FeatureStoreException">The store was made with another backbone.</exception> <exception cref="PictureException">A row has a class that is not among <paramref name="classNames"/>.</exception>
    public StoreSource(FeatureStore store, Backbone? backbone = null, Device? device = null, IReadOnlyList<string>? classNames = null)
    {
        (_store, Net, Device, ClassNames) = (store, backbone?.Net, backbone?.Net.Device ?? device ?? Device.Cpu, classNames ?? store.Manifest.ClassNames);
        Labels = classNames is null ? store.Labels : Mapped(store, classNames);
        if (backbone is not null && Backbone.Difference(store.Manifest.How["model"]!, backbone.ToJson()) is var (fault, remedy))
        {
            throw new FeatureStoreException($"{store.Folder} holds features of {fault}. {remedy}, or extract with this one.");
        }
    }

    public override string Name => _store.Folder;
    public override IReadOnlyList<string> ClassNames { get; }
    public override IReadOnlyList<long> Labels { get; }
    public override IReadOnlyList<PictureSplit> Splits => _store.Splits;
    public override IReadOnlyList<string> Files => _files ??= [.. _store.ReadRows().Select(row => row.File)];
    public override string Decision => _store.Manifest.Splits;
    public override FeatureRequest Request => _store.Request;
    public override JsonObject How => _store.Manifest.How;
    public override UNet? Net { get; }
    public override bool RunsNet => Net is not null;
    public override Device Device { get; }
    public override int TestBatch => Net is null ? 256 : new ExtractOptions().BatchFor(Request);

    public override IReadOnlyList<(PictureView View, int Draw)> TestLooks =>
        [.. from view in Enumerable.Range(0, _store.Request.Views) from draw in Enumerable.Range(0, _store.Request.Draws) select (new PictureView(view == 1), draw)];

    public override ContentHash HashOf(int row) => _store.HashOf(row);

    public override HeadInputs Complete(HeadConfig head, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks)
    {
        var (steps, read) = (ts ?? _store.Request.T, (head as FeedbackHeadConfig)?.FirstPassBlocks ?? blocks ?? _store.Request.Blocks);
        if (steps.Except(_store.Request.T).Any() || read.Except(_store.Request.Blocks).Any())
        {
            var pool = head is FeedbackHeadConfig ? 0 : _store.Request.Pools[0];
            _store.Require([.. from t in steps from block in read select new FeatureName(t, block, pool)]);
        }
        return HeadInputs.Choose(head, steps, read, ClassNames.Count, _store.Request.Pools, _store.Shape, Whole);
    }

    public override RowLook TrainingLook(int row, long epoch, ulong seed)
    {
        var chance = Chance(row, epoch, seed);
        return new(row, new PictureView(chance % (ulong)_store.Request.Views == 1), (int)((chance >> 8) % (ulong)_store.Request.Draws));
    }

    public override IEnumerable<HeadBatch> Load(HeadInputs inputs, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default) =>
        LoadFor([inputs], looks, sizes, cancellation).Select(batch => new HeadBatch(batch.Rows, batch.Maps[0], batch.Labels));

    public override IEnumerable<SharedBatch> LoadFor(IReadOnlyList<HeadInputs> heads, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default)
    {
        var at = 0;
        foreach (var size in sizes)
        {
            cancellation.ThrowIfCancellationRequested();
            RowLook[] batch = [.. Enumerable.Range(at, size).Select(i => looks[i])];
            at += size;
            int[] rows = [.. batch.Select(look => look.Row)];
            var gathered = new Dictionary<FeatureName, Tensor>();
            var maps = heads.Select(inputs => inputs.Gather(_store, rows, i => (batch[i].View.Flip ? 1 : 0, batch[i].Draw), gathered)).ToList();
            Check(gathered, batch);
            var moved = new Dictionary<Tensor, Tensor>();                                  // what several heads read goes to the device once
            yield return new(rows, [.. maps.Select(one => OnDevice(one, moved))], LabelsOf(rows));
        }
    }

    void Check(Dictionary<FeatureName, Tensor> gathered, RowLook[] batch)
    {
        int[] places = [.. batch.Select(look => (look.Row * _store.Request.Views + (look.View.Flip ? 1 : 0)) * _store.Request.Draws + look.Draw)];
        foreach (var (name, maps) in gathered)
        {
            if (!_finite.TryGetValue(name, out var known))
            {
                _finite[name] = known = new(_store.Rows * _store.Request.Views * _store.Request.Draws);
            }
            if (places.All(place => known[place]))
            {
                continue;
            }
            if (NotFinite.FirstRow(maps) is { } at)
            {
                var row = batch[at].Row;
                throw new FeatureStoreException($"{_store.Folder}: the features of {Files[row]} (row {row}) at t = {name.T}, block {name.Block} hold NaN or infinity: the store is damaged, or was made with a damaged checkpoint. Delete it and extract again.");
            }
            foreach (var place in places)
            {
                known[place] = true;
            }
        }
    }

    IReadOnlyDictionary<FeatureKey, Tensor> OnDevice(IReadOnlyDictionary<FeatureKey, Tensor> maps, Dictionary<Tensor, Tensor> moved) => Device.IsCpu ? maps
        : maps.ToDictionary(pair => pair.Key, pair => moved.TryGetValue(pair.Value, out var there) ? there : moved[pair.Value] = pair.Value.To(Device));

    static long[] Mapped(FeatureStore store, IReadOnlyList<string> classNames)
    {
        var map = ClassMap.Of(store.Folder, store.Manifest.ClassNames, classNames, store.Labels);
        return [.. store.Labels.Select(label => label < 0 ? label : map[label])];
    }

    // From what the manifest says of the net.
    (int Height, int Width) Whole(int block)
    {
        var flags = JsonSerializer.SerializeToElement(How["model"]!["unet"]);
        var layout = new UNetLayout(UNetConfig.Parse(flags, _store.Folder));
        return block >= 1 && block <= layout.Blocks.Count ? _store.Request.Whole(block, layout)
            : throw new FeatureStoreException($"block {block} is asked for: the net of {_store.Folder} has blocks 1 to {layout.Blocks.Count}, and the store holds {string.Join(", ", _store.Request.Blocks)}");
    }
}
