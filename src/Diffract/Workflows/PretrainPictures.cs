using System.Collections;
using System.Security.Cryptography;
using System.Text;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>The pictures of pre-training in their order: a new permutation an epoch, mirrored by chance, all following from the seed.</summary>
sealed class PretrainPictures
{
    readonly PictureSet _set;
    readonly PretrainConfig _config;
    readonly int[] _train, _held;

    public PretrainPictures(PictureSet set, PretrainConfig config)
    {
        (_set, _config) = (set, config);
        var hasSplits = set.Items[0].Split != PictureSplit.None;
        var usable = Enumerable.Range(0, set.Items.Count).Where(i => !hasSplits || set.Items[i].Split == PictureSplit.Train).ToArray();
        if (usable.Length < config.HeldOut + config.BatchSize)
        {
            throw new PictureException($"{set.Name}: {usable.Length} pictures to train on, fewer than a batch of {config.BatchSize} and {config.HeldOut} held out. Use more pictures{(usable.Length > config.HeldOut ? " or a smaller batch" : "")}.");
        }
        var order = Seeds.Permutation(usable.Length, Seeds.Of(config.Seed, 0, purpose: 3));
        _held = [.. order.Take(config.HeldOut).Select(i => usable[i])];
        _train = [.. order.Skip(config.HeldOut).Select(i => usable[i])];
    }

    /// <summary>SHA-256 over the paths of all pictures that are trained on or held out, in order, and the contents of those held out.</summary>
    public string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var picture in _train.Concat(_held).Order())
        {
            hash.AppendData(Encoding.UTF8.GetBytes(_set.Items[picture].Path + "\n"));
        }
        foreach (var picture in _held)
        {
            hash.AppendData(Contents(picture));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // Nothing, of one that cannot be read.
    byte[] Contents(int picture)
    {
        try
        {
            return _set.ReadBytes(picture);
        }
        catch (PictureException)
        {
            return [];
        }
    }

    LoaderOptions Options => new() { Height = _config.Net.ImageSize, Width = _config.Net.ImageSize, BatchSize = _config.BatchSize, Workers = Environment.ProcessorCount, BatchesAhead = 2 };

    /// <summary>(HeldOut, 3, H, W), kept until its scope ends.</summary>
    public Tensor HeldOut(Device device)
    {
        using var scope = new TensorScope();
        var parts = BatchLoader.Load(_set, [.. _held.Select(i => new LoadRequest(i))], Options).Select(batch => ToTensor(batch, device)).ToArray();
        return scope.Return(parts.Length == 0 ? Aten.Zeros([0, 3, Options.Height, Options.Width]) : Aten.Cat(parts, 0));
    }

    /// <summary>The batches from a step on.</summary>
    public Batches From(long step, CancellationToken cancellation) => new(step, BatchLoader.Load(_set, new Requests(this, step), Options, cancellation).GetEnumerator());

    static Tensor ToTensor(PictureBatch batch, Device device)
    {
        var x = Aten.Empty([batch.Pictures.Count, 3, batch.Height, batch.Width]);
        batch.Normalise(x.Span<float>());
        return x.To(device);
    }

    public sealed class Batches(long first, IEnumerator<PictureBatch> batches) : IDisposable
    {
        long _next = first;

        /// <summary>(N, 3, H, W) in [-1, 1]; N is smaller where pictures could not be read.</summary>
        public Tensor Next(long step, Device device)
        {
            if (step != _next++ || !batches.MoveNext())
            {
                throw new InvalidOperationException($"batch {step} was asked for, batch {_next - 1} is next");
            }
            return batches.Current.Pictures.Count > 0 ? ToTensor(batches.Current, device)
                : throw new PictureException($"none of the pictures of step {step} could be read; the first: {batches.Current.Failures[0].Error.Message}");
        }

        public void Dispose() => batches.Dispose();
    }

    // Request r from the first step on: its epoch's permutation tells the picture. One epoch's order is kept at a time.
    sealed class Requests(PretrainPictures pictures, long first) : IReadOnlyList<LoadRequest>
    {
        readonly Lock _gate = new();
        long _epoch = -1;
        int[] _order = [];

        public int Count => (int)Math.Min((pictures._config.Steps - first) * pictures._config.BatchSize, int.MaxValue);

        public LoadRequest this[int index]
        {
            get
            {
                var at = first * pictures._config.BatchSize + index;
                var epoch = at / pictures._train.Length;
                int[] order;
                lock (_gate)
                {
                    if (epoch != _epoch)
                    {
                        (_epoch, _order) = (epoch, Seeds.Permutation(pictures._train.Length, Seeds.Of(pictures._config.Seed, (ulong)epoch, purpose: 4)));
                    }
                    order = _order;
                }
                var flip = pictures._config.Flip && (Seeds.Of(pictures._config.Seed, (ulong)at, purpose: 5) & 1) == 1;
                return new(pictures._train[order[at % pictures._train.Length]], new PictureView(flip));
            }
        }

        public IEnumerator<LoadRequest> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
