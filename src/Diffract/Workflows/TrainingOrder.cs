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

    /// <summary>Sizes of all parts from a step on.</summary>
    public IEnumerable<int> PartSizesFrom(long first)
    {
        for (var step = first; step < Steps; step++)
        {
            for (var part = 0; part < _parts; part++)
            {
                yield return PartSize(step, part);
            }
        }
    }

    /// <summary>The rows from a step on, each in its epoch's look.</summary>
    public IReadOnlyList<RowLook> LooksFrom(long first, HeadSource source)
    {
        var start = first / StepsPerEpoch * _rows.Length + first % StepsPerEpoch * _batchSize;
        var count = Math.Max(0, Steps / StepsPerEpoch * _rows.Length - start);
        return new LazyList<RowLook>((int)Math.Min(count, int.MaxValue), i =>
        {
            var epoch = (start + i) / _rows.Length;
            return source.TrainingLook(_rows[Order(epoch)[(start + i) % _rows.Length]], epoch, _seed);
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
