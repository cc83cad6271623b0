using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Rows of a feature store. An epoch shows each in one of its stored views and draws.</summary>
public sealed class StoreSource(FeatureStore store) : HeadSource
{
    string[]? _files;

    public override string Name => store.Folder;
    public override IReadOnlyList<string> ClassNames => store.Manifest.ClassNames;
    public override IReadOnlyList<long> Labels => store.Labels;
    public override IReadOnlyList<PictureSplit> Splits => store.Splits;
    public override IReadOnlyList<string> Files => _files ??= [.. store.ReadRows().Select(row => row.File)];
    public override string Decision => store.Manifest.Splits;
    public override FeatureRequest Request => store.Request;
    public override JsonObject How => store.Manifest.How;
    public override int TestBatch => 256;

    public override IReadOnlyList<(PictureView View, int Draw)> TestLooks =>
        [.. from view in Enumerable.Range(0, store.Request.Views) from draw in Enumerable.Range(0, store.Request.Draws) select (new PictureView(view == 1), draw)];

    public override HeadInputs Complete(HeadConfig head, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks) =>
        HeadInputs.Choose(head, ts ?? store.Request.T, blocks ?? store.Request.Blocks, ClassNames.Count, store.Request.Pools, store.Shape, Side);

    public override RowLook TrainingLook(int row, long epoch, ulong seed)
    {
        var chance = Chance(row, epoch, seed);
        return new(row, new PictureView(chance % (ulong)store.Request.Views == 1), (int)((chance >> 8) % (ulong)store.Request.Draws));
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
            yield return new(rows, [.. heads.Select(inputs => inputs.Gather(store, rows, i => (batch[i].View.Flip ? 1 : 0, batch[i].Draw), gathered))], LabelsOf(rows));
        }
    }

    // The shorter side of a block's whole map, from what the manifest says of the net.
    int Side(int block)
    {
        var flags = JsonSerializer.SerializeToElement(How["model"]!["unet"]);
        var layout = new UNetLayout(UNetConfig.Parse(flags, store.Folder));
        return Math.Min(store.Request.Height, store.Request.Width) / layout.Blocks[block - 1].OutStride;
    }
}
