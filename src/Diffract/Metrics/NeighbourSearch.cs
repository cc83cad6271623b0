using Diffract.Torch;

namespace Diffract.Metrics;

/// <summary>
/// Exact search in three steps: float32 products of normalised rows, block by block, leave some more candidates than k to each test row;
/// their cosines are computed again in float64 and sorted; where the rounding of float32 might have lost a neighbour, which is rare,
/// the row is compared with all training rows in float64. Rows are read as they are needed and never held all at once.
/// </summary>
sealed unsafe class NeighbourSearch
{
    // A product is summed up in pieces of this many, so its error is at most (piece + number of pieces) roundings, whatever the order of the sums.
    const int Piece = 512;
    const int MostTestRows = 4096, MostTrainRows = 16384;

    readonly FeatureRows _train, _test;
    readonly Device _device;
    readonly int _k, _keep, _testRows, _trainRows;
    readonly double _rounding; // bound of |float32 cosine - float64 cosine|

    public NeighbourSearch(FeatureRows train, FeatureRows test, int k, long memory, Device device)
    {
        (_train, _test, _k, _device) = (train, test, k, device);
        _keep = (int)Math.Min(train.Count, k + 32L + k / 8);
        _rounding = (Piece + train.Width / Piece + 8) * Math.Pow(2, -24);
        var share = Math.Max(memory, 1) / 4; // a quarter each: test rows, train rows, their products, candidates
        _testRows = (int)Math.Clamp(Math.Min(share / (4L * train.Width), share / (16L * _keep)), 1, Math.Min(MostTestRows, Math.Max(1, test.Count)));
        _trainRows = (int)Math.Clamp(Math.Min(share / (4L * train.Width), share / (4L * _testRows)), 1, Math.Min(MostTrainRows, train.Count));
    }

    public static ParallelOptions Threads => new() { MaxDegreeOfParallelism = Torch.Torch.Threads };

    public void Run(Action<Neighbours> found, CancellationToken cancel)
    {
        var candidates = new Candidates(_testRows, _keep);
        var products = Aten.Empty([_testRows, _trainRows], device: _device);
        var (testBlock, trainBlock) = (Aten.Empty([_testRows, _train.Width]), Aten.Empty([_trainRows, _train.Width]));
        for (var first = 0; first < _test.Count; first += _testRows)
        {
            using var scope = new TensorScope();
            var count = Math.Min(_testRows, _test.Count - first);
            _test.Normalised(first, count, testBlock);
            var test = testBlock.Narrow(0, 0, count).To(_device);
            candidates.Clear();
            for (var start = 0; start < _train.Count; start += _trainRows)
            {
                cancel.ThrowIfCancellationRequested();
                Offer(candidates, test, start, Math.Min(_trainRows, _train.Count - start), trainBlock, products);
            }
            found(Settle(candidates, first, count));
        }
    }

    void Offer(Candidates candidates, Tensor test, int start, int length, Tensor trainBlock, Tensor products)
    {
        using var scope = new TensorScope();
        _train.Normalised(start, length, trainBlock);
        var train = trainBlock.Narrow(0, 0, length).To(_device);
        var rows = (int)test.Size(0);
        var block = length == products.Size(1) ? products.Narrow(0, 0, rows) : Aten.Empty([rows, length], device: _device);
        Multiply(test, train, block);
        if (_device.IsCpu)
        {
            var data = block.Data;
            Parallel.For(0, rows, Threads, row => candidates.Offer(row, new ReadOnlySpan<float>((float*)data + (long)row * length, length), start));
            return;
        }
        var (values, indices) = block.TopK(Math.Min(_keep, length));
        var (largest, places, width) = (values.ToArray<float>(), indices.ToArray<int>(), (int)values.Size(1));
        Parallel.For(0, rows, Threads, row =>
        {
            for (var i = row * width; i < (row + 1) * width; i++) { candidates.Offer(row, largest[i], start + places[i]); }
        });
    }

    // block = test train^T, a piece of the features at a time.
    static void Multiply(Tensor test, Tensor train, Tensor block)
    {
        for (var (d, width) = (0L, test.Size(1)); d < width; d += Piece)
        {
            var (a, b) = (test.Narrow(1, d, Math.Min(Piece, width - d)), train.Narrow(1, d, Math.Min(Piece, width - d)));
            Dispatcher.Call("aten::addmm_", block, a, b.T(), d == 0 ? 0 : 1);
        }
    }

    Neighbours Settle(Candidates candidates, int first, int count)
    {
        var indices = new int[checked(count * _k)];
        var similarities = new double[indices.Length];
        Parallel.For(0, count, Threads, () => (Test: new float[_test.Width], Train: new float[_test.Width]), (row, _, rows) =>
        {
            _test.Read(first + row, rows.Test);
            var kept = candidates.Take(row);
            var nearest = new (double Similarity, int Index)[kept.Length];
            for (var i = 0; i < kept.Length; i++) { nearest[i] = Compare(first + row, Candidates.Index(kept[i]), rows); }
            Array.Sort(nearest, NearerFirst);
            var lost = _keep < _train.Count ? Candidates.Value(kept[^1]) + _rounding : double.NegativeInfinity; // most that a row left out can have
            if (nearest[_k - 1].Similarity <= lost) { nearest = Scan(first + row, rows); }
            for (var i = 0; i < _k; i++) { (similarities[row * _k + i], indices[row * _k + i]) = nearest[i]; }
            return rows;
        }, _ => { });
        return new(first, count, _k, indices, similarities);
    }

    // The k nearest of all training rows.
    (double Similarity, int Index)[] Scan(int row, (float[], float[]) rows)
    {
        var queue = new PriorityQueue<int, (double Similarity, int Index)>(Comparer<(double, int)>.Create((a, b) => NearerFirst(b, a)));
        for (var i = 0; i < _train.Count; i++)
        {
            var found = Compare(row, i, rows);
            if (queue.Count < _k) { queue.Enqueue(i, found); }
            else { queue.EnqueueDequeue(i, found); }
        }
        var nearest = new (double, int)[_k];
        for (var i = _k - 1; i >= 0; i--) { queue.TryDequeue(out _, out nearest[i]); }
        return nearest;
    }

    (double Similarity, int Index) Compare(int row, int index, (float[] Test, float[] Train) rows)
    {
        _train.Read(index, rows.Train);
        return (FeatureRows.Cosine(_test, row, rows.Test, _train, index, rows.Train), index);
    }

    static int NearerFirst((double Similarity, int Index) a, (double Similarity, int Index) b) =>
        a.Similarity != b.Similarity ? b.Similarity.CompareTo(a.Similarity) : a.Index.CompareTo(b.Index);
}
