using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>One row as it is to be looked at.</summary>
/// <param name="Row">Of the source.</param> <param name="Draw">Of the noise.</param>
public readonly record struct RowLook(int Row, PictureView View, int Draw);

/// <summary>What a head sees of some rows.</summary>
/// <param name="Rows">In order; fewer than were asked for where pictures could not be read.</param> <param name="Maps">(N, C, h, w) for each key of the head.</param> <param name="Labels">(N) int64.</param>
public sealed record HeadBatch(int[] Rows, IReadOnlyDictionary<FeatureKey, Tensor> Maps, Tensor Labels);

/// <summary>What several heads see of the same rows.</summary>
/// <param name="Maps">Each head's, in order; heads may share tensors.</param>
public sealed record SharedBatch(int[] Rows, IReadOnlyList<IReadOnlyDictionary<FeatureKey, Tensor>> Maps, Tensor Labels);

/// <summary>Labelled pictures as rows that give a head its maps: read from a store, or made from the pictures anew.</summary>
public abstract class HeadSource
{
    /// <summary>The store or the picture set, for messages.</summary>
    public abstract string Name { get; }

    public abstract IReadOnlyList<string> ClassNames { get; }

    /// <summary>Class of each row; -1 where there is none.</summary>
    public abstract IReadOnlyList<long> Labels { get; }

    public abstract IReadOnlyList<PictureSplit> Splits { get; }

    /// <summary>Each row's path in its set.</summary>
    public abstract IReadOnlyList<string> Files { get; }

    /// <summary>Hash of a row's picture file.</summary>
    public abstract ContentHash HashOf(int row);

    /// <summary>How the test pictures were chosen.</summary>
    public abstract string Decision { get; }

    /// <summary>How the maps are made, for what is saved with a head.</summary>
    public abstract FeatureRequest Request { get; }

    /// <summary>Model, data, features: all that the maps follow from.</summary>
    public abstract JsonObject How { get; }

    /// <summary>Where maps and labels are.</summary>
    public virtual Device Device => Device.Cpu;

    /// <summary>The backbone, for a head that runs it itself; null where it is not at hand.</summary>
    public virtual UNet? Net => null;

    /// <summary>Looks that a test averages over; the first is the one that counts without averaging.</summary>
    public abstract IReadOnlyList<(PictureView View, int Draw)> TestLooks { get; }

    /// <summary>True where a batch costs passes of the net: progress is then shown, and a run's state saved, often.</summary>
    public virtual bool RunsNet => false;

    /// <summary>Rows a batch in tests.</summary>
    public abstract int TestBatch { get; }

    /// <summary>Pictures that could not be read so far, path and why.</summary>
    public virtual IReadOnlyList<(string Path, string Error)> Failures => [];

    /// <summary>A head completed for the maps that are at hand.</summary>
    /// <param name="ts">Null: all of the source's.</param> <param name="blocks">Null: all of the source's.</param>
    /// <exception cref="FeatureStoreException">They do not serve the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception>
    public abstract HeadInputs Complete(HeadConfig head, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks);

    /// <summary>How training looks at a row in an epoch; it follows from seed, row and epoch alone.</summary>
    public abstract RowLook TrainingLook(int row, long epoch, ulong seed);

    /// <summary>Batches of the given sizes, in order; their tensors belong to the scope in which the next is asked for.</summary>
    /// <param name="looks">May be long: what is asked for is computed then.</param> <param name="sizes">Looks of each batch, at least 1; they add up to all of them.</param>
    public abstract IEnumerable<HeadBatch> Load(HeadInputs inputs, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default);

    /// <summary>As <see cref="Load"/>, for several heads at once; what more than one of them reads is made once.</summary>
    /// <exception cref="TrainException">This source serves one head at a time.</exception>
    public virtual IEnumerable<SharedBatch> LoadFor(IReadOnlyList<HeadInputs> heads, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default) =>
        heads.All(inputs => inputs == heads[0]) ? Load(heads[0], looks, sizes, cancellation).Select(batch => new SharedBatch(batch.Rows, [.. heads.Select(_ => batch.Maps)], batch.Labels))
            : throw new TrainException($"{Name} serves one head at a time; several are trained together from a feature store: extract one first.");

    /// <summary>Weights of the source that are trained together with a head, where there are any; their learning rates are a head's times their scale.</summary>
    public virtual IReadOnlyList<ParameterGroup> Trained(double weightDecay) => [];

    /// <summary>Everything of the source that training changes, by name.</summary>
    public virtual IEnumerable<KeyValuePair<string, Tensor>> State => [];

    /// <summary>Puts back whatever training has changed.</summary>
    public virtual void Restore() { }

    /// <summary>The backbone that a trained head belongs to, as <see cref="Backbone.ToJson"/> gives it; one that was trained is written into the folder first.</summary>
    public virtual JsonNode Save(string folder) => How["model"]!;

    /// <summary>Rows of some splits, ascending.</summary>
    public int[] RowsOf(params PictureSplit[] splits) => [.. Enumerable.Range(0, Splits.Count).Where(row => splits.Contains(Splits[row]))];

    private protected Tensor LabelsOf(ReadOnlySpan<int> rows)
    {
        var labels = new long[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            labels[i] = Labels[rows[i]];
        }
        return Tensor.From(labels).To(Device);
    }

    private protected static ulong Chance(int row, long epoch, ulong seed) => Seeds.Of(seed, (ulong)row, purpose: 100 + (ulong)epoch);
}
