using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Tests.Metrics;

public sealed class AccuracyTests
{
    [Fact]
    public void Top1_and_top5_match_the_reference()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_seg_topk");
        var accuracy = new Accuracy(20);
        accuracy.Add(golden.Input("logits"), golden.Input("labels"));
        var results = golden.Description.GetProperty("results");
        Assert.Equal(results.GetProperty("top1").GetDouble(), accuracy.Top1);
        Assert.Equal(results.GetProperty("top5").GetDouble(), accuracy.TopK);
        Assert.Equal(5, accuracy.K);
        Assert.Equal(Aten.CrossEntropy(golden.Input("logits"), golden.Input("labels")).Item(), accuracy.CrossEntropy!.Value, 2e-6); // float32 against float64
    }

    [Fact]
    public void Counts_are_exact()
    {
        using var scope = new TensorScope();
        var accuracy = new Accuracy(3, k: 2);
        accuracy.Add(Tensor.From<float>([3, 1, 0, /**/ 0, 2, 1, /**/ 1, 2, 3, /**/ 5, 1, 4], 4, 3), Tensor.From<long>([0, 1, 1, 1]));
        Assert.Equal((4, 2, 3, 0), (accuracy.Pictures, accuracy.Hits, accuracy.HitsTopK, accuracy.Undecided));
        Assert.Equal(new long[,] { { 1, 0, 0 }, { 1, 1, 1 }, { 0, 0, 0 } }, accuracy.Confusion());
        Assert.Equal([new(1, 1, 1), new(3, 1, 2), new(0, 0, 0)], accuracy.PerClass);
        Assert.Equal((1 + 1.0 / 3) / 2, accuracy.MeanClassAccuracy, 1e-15);
        var losses = new[] { Loss([3, 1, 0], 0), Loss([0, 2, 1], 1), Loss([1, 2, 3], 1), Loss([5, 1, 4], 1) };
        Assert.Equal(losses.Average(), accuracy.CrossEntropy!.Value, 1e-11);
    }

    static double Loss(double[] logits, int label) => Math.Log(logits.Sum(Math.Exp)) - logits[label];

    [Fact]
    public void Equal_scores_rank_by_class_index()
    {
        var accuracy = new Accuracy(4, k: 2);
        accuracy.AddVotes([1, 1, 1, 1, /**/ 1, 1, 1, 1, /**/ 1, 1, 1, 1], [0, 1, 2]);
        Assert.Equal((1, 2), (accuracy.Hits, accuracy.HitsTopK));
        Assert.Null(accuracy.CrossEntropy);
    }

    [Fact]
    public void K_is_at_most_the_number_of_classes()
    {
        var accuracy = new Accuracy(2);
        accuracy.AddVotes([1, 0], [1]);
        Assert.Equal((2, 1.0, 0.0), (accuracy.K, accuracy.TopK, accuracy.Top1));
    }

    [Theory]
    [InlineData(float.NaN, 0), InlineData(float.PositiveInfinity, 0)]
    public void Scores_that_decide_nothing_are_misses(float first, float second)
    {
        using var scope = new TensorScope();
        var accuracy = new Accuracy(2);
        accuracy.Add(Tensor.From<float>([first, second, /**/ 1, 0], 2, 2), Tensor.From<long>([0, 0]));
        Assert.Equal((2, 1, 1, 1), (accuracy.Pictures, accuracy.Hits, accuracy.HitsTopK, accuracy.Undecided));
        Assert.Equal(double.NaN, accuracy.CrossEntropy);
        Assert.Equal([false, true], Accuracy.HitsOf(Tensor.From<float>([first, second, /**/ 1, 0], 2, 2), Tensor.From<long>([0, 0])));
    }

    [Fact]
    public void A_class_held_impossible_costs_infinitely_much()
    {
        using var scope = new TensorScope();
        var accuracy = new Accuracy(2);
        accuracy.Add(Tensor.From<float>([float.NegativeInfinity, 0], 1, 2), Tensor.From<long>([0]));
        Assert.Equal(double.PositiveInfinity, accuracy.CrossEntropy);
        Assert.Equal(0, accuracy.Undecided);
    }

    [Fact]
    public void Order_and_size_of_batches_change_nothing()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(3);
        var (logits, labels) = (Aten.Randn([500, 30]) * 4, Aten.RandInt(0, 30, [500]));
        var whole = new Accuracy(30);
        whole.Add(logits, labels);
        var order = Aten.RandPerm(500);
        var parts = new Accuracy(30);
        for (var first = 0; first < 500; first += 125)
        {
            var (rows, part) = (order.Narrow(0, first, 125), new Accuracy(30));
            part.Add(logits.IndexSelect(0, rows), labels.IndexSelect(0, rows));
            parts.Add(part);
        }
        Assert.Equal(whole.Confusion(), parts.Confusion());
        Assert.Equal((whole.HitsTopK, whole.CrossEntropy), (parts.HitsTopK, parts.CrossEntropy));
        Assert.Equal(whole.Hits, Accuracy.HitsOf(logits, labels).LongCount(hit => hit));
    }

    [Fact]
    public void Label_out_of_range_is_named_and_nothing_is_counted()
    {
        using var scope = new TensorScope();
        var accuracy = new Accuracy(3);
        var error = Assert.Throws<ArgumentException>(() => accuracy.Add(Aten.Zeros([2, 3]), Tensor.From<long>([0, 3])));
        Assert.Contains("label 1 is 3", error.Message);
        Assert.Equal(0, accuracy.Pictures);
        Assert.Throws<ArgumentException>(() => accuracy.Add(Aten.Zeros([2, 4]), Tensor.From<long>([0, 1])));
        Assert.Throws<ArgumentException>(() => accuracy.Add(Aten.Zeros([2, 3]), Tensor.From<float>([0, 1])));
    }
}
