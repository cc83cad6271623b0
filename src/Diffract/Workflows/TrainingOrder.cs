using Diffract.Data;
using Diffract.Diffusion;

namespace Diffract.Workflows;

/// <summary>Rows in the order of training: a new permutation an epoch, in batches, each in parts for gradient accumulation. All of it follows from the seed.</summary>
sealed class TrainingOrder
{
    readonly int[] _rows;
    readonly int _batchSize, _parts;
    readonly ulong _seed;
    readonly Lock _gate = new();
    (long Epoch, int[] Order) _now = (-1, []), _before = (-1, []);                         // loaders ask around the boundary of two epochs

    /// <exception cref="TrainException">A batch is too small for its parts.</exception>
    public TrainingOrder(int[] rows, int epochs, int batchSize, int parts, ulong seed)
    {
        (_rows, _batchSize, _parts, _seed) = (rows, batchSize, parts, seed);
        var least = 2 * parts;                                                             // batch norm cannot take a part of one row
        if (parts < 1 || (parts > 1 && Math.Min(batchSize, rows.Length) < least))
        {
            throw new TrainException($"a batch of {Math.Min(batchSize, rows.Length)} pictures cannot be accumulated in {parts} parts of at least 2. Choose fewer parts or larger batches.");
        }
        StepsPerEpoch = Math.Max(1, (rows.Length + batchSize - least) / batchSize);        // a last batch that is too small joins the one before
        Steps = StepsPerEpoch * epochs;
    }

    public long StepsPerEpoch { get; }

    public long Steps { get; }

    /// <summary>Rows of a step.</summary>
    public int Size(long step) => step % StepsPerEpoch == StepsPerEpoch - 1 ? _rows.Length - (int)(StepsPerEpoch - 1) * _batchSize : _batchSize;

    /// <summary>Rows of one of its parts.</summary>
    public int PartSize(long step, int part)
    {
        var size = Size(step);
        return size * (part + 1) / _parts - size * part / _parts;
    }

    /// <summary>Sizes of all parts from a step on, those of a step as often as there are rounds.</summary>
    public IEnumerable<int> PartSizesFrom(long first, int rounds = 1)
    {
        for (var step = first; step < Steps; step++)
        {
            for (var part = 0; part < rounds * _parts; part++)
            {
                yield return PartSize(step, part % _parts);
            }
        }
    }

    /// <summary>The rows from a step on, each in its epoch's look; those of a step as often as there are rounds, one round after the other.</summary>
    public IReadOnlyList<RowLook> LooksFrom(long first, HeadSource source, int rounds = 1)
    {
        long batch = (long)rounds * _batchSize, looks = (long)rounds * _rows.Length;       // of a step that is not the epoch's last; of an epoch
        var start = first / StepsPerEpoch * looks + first % StepsPerEpoch * batch;
        var count = Math.Max(0, Steps / StepsPerEpoch * looks - start);
        return new LazyList<RowLook>((int)Math.Min(count, int.MaxValue), i =>
        {
            var (epoch, at) = Math.DivRem(start + i, looks);
            var step = Math.Min(at / batch, StepsPerEpoch - 1);
            var row = step * _batchSize + (at - step * batch) % Size(step);
            return source.TrainingLook(_rows[Order(epoch)[row]], epoch, _seed);
        });
    }

    int[] Order(long epoch)
    {
        lock (_gate)
        {
            if (_now.Epoch != epoch && _before.Epoch != epoch)
            {
                (_before, _now) = (_now, (epoch, Seeds.Permutation(_rows.Length, Seeds.Of(_seed, (ulong)epoch, purpose: 7))));
            }
            return _now.Epoch == epoch ? _now.Order : _before.Order;
        }
    }
}
