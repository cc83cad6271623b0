using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Tests.Metrics;

public sealed class KnnTests
{
    [Theory]
    [InlineData(20, Votes.Weighted, "weighted"), InlineData(20, Votes.Majority, "majority"), InlineData(200, Votes.Weighted, "weighted"), InlineData(200, Votes.Majority, "majority")]
    public void Votes_match_the_reference(int k, Votes votes, string name)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_knn");
        var (train, test) = (golden.Input("train"), golden.Input("test"));
        var found = new Knn { K = [k] }.Nearest(train, test);
        var scores = found.Scores(golden.Input("train_labels").ToArray<long>(), 10, k, votes);
        var best = Enumerable.Range(0, 120).Select(i => Enumerable.Range(0, 10).MaxBy(c => (scores[i * 10 + c], -c))).Select(c => (long)c);
        Assert.Equal(golden["outputs.safetensors"].Get($"k{k}/{name}/pred").ToTensor().ToArray<long>(), best);
        golden.Check(votes == Votes.Weighted ? $"k{k}/weighted_scores" : $"k{k}/votes", Tensor.From(scores, 120, 10));
        if (k == 20) { golden.Check("k20/neighbours", Tensor.From(found.Indices.Select(i => (long)i).ToArray(), 120, 20)); }
    }

    [Fact]
    public void Accuracies_match_the_reference()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_knn");
        var scores = new Knn().Evaluate(golden.Input("train"), golden.Input("train_labels"), golden.Input("test"), golden.Input("test_labels"), 10);
        Assert.Equal([(20, Votes.Weighted), (20, Votes.Majority), (200, Votes.Weighted), (200, Votes.Majority)], scores.Select(s => (s.K, s.Votes)));
        foreach (var score in scores)
        {
            var expected = golden.Description.GetProperty("results").GetProperty($"k{score.K}_{score.Votes.ToString().ToLowerInvariant()}");
            Assert.Equal(expected.GetProperty("top1").GetDouble(), score.Accuracy.Top1);
            Assert.Equal(expected.GetProperty("top5").GetDouble(), score.Accuracy.TopK);
        }
    }

    [Fact]
    public void Nearest_by_hand()
    {
        using var scope = new TensorScope();
        var train = Tensor.From<float>([1, 0, /**/ 0, 2, /**/ 3, 3, /**/ 0, 0, /**/ -1, 0, /**/ 5, 0], 6, 2);
        var found = new Knn { K = [6] }.Nearest(train, Tensor.From<float>([2, 0], 1, 2));
        Assert.Equal([0, 5, 2, 1, 3, 4], found.Indices);                             // equal similarities by index; zeros are similar to nothing
        Assert.Equal([1, 1, Math.Sqrt(0.5), 0, 0, -1], found.Similarities.Select(s => Math.Round(s, 15)), (a, b) => Math.Abs(a - b) < 1e-14);
    }

    // Copies and near copies, closer to each other than float32 can tell, in numbers that no list of candidates holds.
    [Fact]
    public void Blocks_change_nothing_even_where_float32_cannot_tell_neighbours_apart()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(5);
        var centres = Aten.Randn([4, 1, 700]).Expand(4, 120, 700).Reshape(480, 700);
        var train = Aten.Cat([centres + 1e-5 * Aten.Randn([480, 700]), centres, Aten.Randn([200, 700])], 0);
        var test = Aten.Cat([centres.Narrow(0, 0, 1), centres.Narrow(0, 130, 1), Aten.Randn([30, 700]), Aten.Zeros([1, 700])], 0);
        var expected = ByBruteForce(train, test, 150);
        foreach (var memory in (long[])[1, 100_000, 3_000_000, 1L << 28])
        {
            var found = new Knn { K = [150, 7], Memory = memory }.Nearest(train, test);
            Assert.Equal(expected, found.Indices);
        }
        var alone = new Knn { K = [150] }.Nearest(train, test.Narrow(0, 20, 1));
        Assert.Equal(expected.AsSpan(20 * 150, 150).ToArray(), alone.Indices);
    }

    static int[] ByBruteForce(Tensor train, Tensor test, int k)
    {
        var (a, b, d) = (train.ToArray<float>(), test.ToArray<float>(), (int)train.Size(1));
        double Dot(float[] x, int i, float[] y, int j)
        {
            decimal sum = 0; // exact where doubles are not
            for (var n = 0; n < d; n++) { sum += (decimal)((double)x[i * d + n] * y[j * d + n]); }
            return (double)sum;
        }
        var lengths = Enumerable.Range(0, (int)train.Size(0)).Select(i => Math.Sqrt(Dot(a, i, a, i))).ToArray();
        return [.. Enumerable.Range(0, (int)test.Size(0)).SelectMany(j =>
            Enumerable.Range(0, lengths.Length).Select(i => (Similarity: Dot(a, i, b, j) / lengths[i], Index: i)).OrderByDescending(s => s.Similarity).ThenBy(s => s.Index).Take(k).Select(s => s.Index))];
    }

    [Fact]
    public void Half_precision_and_strided_features_do()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(6);
        var train = Aten.Randn([50, 8]).To(DType.BFloat16);
        var expected = new Knn { K = [3] }.Nearest(train.To(DType.Float32), train.To(DType.Float32)).Indices;
        Assert.Equal(expected, new Knn { K = [3] }.Nearest(train, train.T().Contiguous().T()).Indices);
        Assert.Equal(Enumerable.Range(0, 50), expected.Where((_, i) => i % 3 == 0));
    }

    [Fact]
    public void More_neighbours_than_training_pictures_are_all_of_them()
    {
        using var scope = new TensorScope();
        var (x, y) = (Tensor.From<float>([1, 0, 0, 1], 2, 2), Tensor.From<long>([0, 1]));
        var done = new List<long>();
        var scores = new Knn { K = [1, 5, 200] }.Evaluate(x, y, x, y, 2, done.Add);
        Assert.Equal([(1, 1.0), (1, 1.0), (2, 1.0), (2, 0.5)], scores.Select(s => (s.K, s.Accuracy.Top1))); // two votes of 1 are a tie: class 0
        Assert.Equal([2], done);
    }

    [Fact]
    public void Features_that_are_not_finite_are_named()
    {
        using var scope = new TensorScope();
        var good = Aten.Ones([3, 2]);
        var bad = Tensor.From<float>([1, 1, 1, float.NaN, 1, 1], 3, 2);
        Assert.Contains("test features: row 1", Assert.Throws<ArgumentException>(() => new Knn().Nearest(good, bad)).Message);
        Assert.Throws<ArgumentException>(() => new Knn().Nearest(good, Aten.Ones([3, 4])));
        Assert.Throws<ArgumentException>(() => new Knn { K = [0] }.Nearest(good, good));
        Assert.Throws<ArgumentException>(() => new Knn { Temperature = 0 }.Nearest(good, good));
        Assert.Throws<OperationCanceledException>(() => new Knn().Nearest(good, good, new CancellationToken(canceled: true)));
    }

    // Rows that are read as they are needed: never more at a time than the memory allows, and the same neighbours as from memory.
    [Fact]
    public void Rows_are_read_in_pieces_that_fit_the_memory()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(8);
        var (train, test) = (Aten.Randn([500, 64]), Aten.Randn([90, 64]));
        var (rows, most) = (train.ToArray<float>(), 0);
        var streamed = new FeatureRows("train", 500, 64, (first, count, into) =>
        {
            InterlockedMax(ref most, count);
            rows.AsSpan(first * 64, count * 64).CopyTo(into);
        });
        List<Neighbours> found = [];
        new Knn { K = [9], Memory = 64 * 1024 }.Search(streamed, FeatureRows.Of("test", test), found.Add);

        Assert.Equal(new Knn { K = [9] }.Nearest(train, test).Indices, found.SelectMany(part => part.Indices));
        Assert.True(found.Count > 1 && found.All(part => part.Count * 64 * 4 <= 16 * 1024), $"parts of {found.Max(part => part.Count)} test rows");
        Assert.Equal(1, most);
    }

    [Fact]
    public void Outcomes_are_those_of_the_votes()
    {
        using var scope = new TensorScope();
        var (x, y) = (Tensor.From<float>([1, 0, 0, 1, 1, 0.1f], 3, 2), Tensor.From<long>([0, 1, 0]));
        var score = new Knn { K = [1] }.Evaluate(x, y, Tensor.From<float>([1, 0.01f, 0.1f, 1], 2, 2), Tensor.From<long>([0, 0]), 2)[0];
        Assert.Equal([0, 0], score.Accuracy.Outcomes!.Labels);
        Assert.Equal([0, 1], score.Accuracy.Outcomes.Predicted);
        Assert.Equal([true, false], score.Accuracy.Outcomes.Hits);
        Assert.Equal(score.Accuracy.Hits, score.Accuracy.Outcomes.Hits.Count(hit => hit));
    }

    static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most)) { Interlocked.CompareExchange(ref most, value, seen); }
    }
}
