using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Tests.Metrics;

public sealed class CkaTests
{
    const double Relative = 1e-9; // the reference's own, for float64 arithmetic

    [Theory]
    [InlineData("X", "X"), InlineData("X", "Y"), InlineData("X", "Z"), InlineData("Y", "Z")]
    public void Linear_and_unbiased_match_the_reference(string x, string y)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_cka");
        var wanted = golden.Description.GetProperty("results").GetProperty(x + y);
        var (a, b) = (golden.Input(x), golden.Input(y));
        var linear = wanted.GetProperty("linear_cka").GetDouble();
        Assert.Equal(linear, Cka.Linear(a, b), Relative * linear);
        Assert.Equal(linear, Cka.Linear(Wide(a), Wide(b)), Relative * linear);                     // inner products of pictures
        var unbiased = wanted.GetProperty("cka_unbiased").GetDouble();
        Assert.Equal(unbiased, Cka.Unbiased(a, b), 1e-5 * unbiased);
    }

    // Twelve copies of each feature are wider than there are pictures, and change nothing.
    static Tensor Wide(Tensor x) => Aten.Cat([.. Enumerable.Repeat(x, 12)], 1);

    [Theory]
    [InlineData(200), InlineData(64), InlineData(7), InlineData(1)]
    public void Stream_gives_the_same_whatever_the_batches(int batch)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_cka");
        var order = Aten.RandPerm(200);
        var (x, y) = (golden.Input("X").IndexSelect(0, order), golden.Input("Y").IndexSelect(0, order));
        using var stream = new CkaStream(64, 48);
        for (var first = 0; first < 200; first += batch)
        {
            var count = Math.Min(batch, 200 - first);
            stream.Add(x.Narrow(0, first, count), y.Narrow(0, first, count));
        }
        var wanted = golden.Description.GetProperty("results").GetProperty("XY").GetProperty("linear_cka").GetDouble();
        Assert.Equal(wanted, stream.Value(), Relative);
        Assert.Equal(200, stream.Pictures);
    }

    [Theory]
    [InlineData(40, 6), InlineData(10, 100)]
    public void Features_agree_with_themselves_whatever_their_offset_scale_and_rotation(int n, int d)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(4);
        var x = Aten.Randn([n, d], DType.Float64);
        var rotation = Dispatcher.CallAll("aten::linalg_qr", Aten.Randn([d, d], DType.Float64))[0]!;
        Assert.Equal(1, Cka.Linear(x, x));
        Assert.Equal(1, Cka.Linear(x, x.MatMul(rotation) * 3.0 + 1000.0), 1e-9);
    }

    // Columns (1, -1, 0) and (1, 1, -2) are centred and orthogonal; against the sum of both: 2^2 / (2 * sqrt(4 + 36)) with squares 2 and 6.
    [Fact]
    public void Linear_by_hand()
    {
        using var scope = new TensorScope();
        var (a, b) = (Tensor.From<float>([1, -1, 0], 3, 1), Tensor.From<float>([1, 1, -2], 3, 1));
        Assert.Equal(0, Cka.Linear(a, b), 1e-15);
        Assert.Equal(4 / (2 * Math.Sqrt(40)), Cka.Linear(a, Aten.Cat([a, b], 1)), 1e-12);
        Assert.Equal(double.NaN, Cka.Linear(a, Aten.Ones([3, 2])));
    }

    [Theory]
    [InlineData(1L << 30), InlineData(200 * 200 * 8 * 3), InlineData(0)]
    public void Matrix_holds_all_pairs_whatever_the_memory(long memory)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("metrics_cka");
        Tensor[] layers = [golden.Input("X"), golden.Input("Y"), golden.Input("Z")];
        var matrix = Cka.Matrix(layers, layers, memory);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(1, matrix[i, i], 1e-12);
            for (var j = 0; j < 3; j++) { Assert.Equal(Cka.Linear(layers[i], layers[j]), matrix[i, j], 1e-12); }
        }
    }

    [Fact]
    public void Features_of_other_pictures_are_refused()
    {
        using var scope = new TensorScope();
        Assert.Throws<ArgumentException>(() => Cka.Linear(Aten.Ones([3, 2]), Aten.Ones([4, 2])));
        Assert.Throws<ArgumentException>(() => Cka.Unbiased(Aten.Ones([3, 2]), Aten.Ones([3, 2])));
        using var stream = new CkaStream(2, 2);
        Assert.Throws<ArgumentException>(() => stream.Add(Aten.Ones([3, 2]), Aten.Ones([3, 5])));
        Assert.Equal(double.NaN, stream.Value());
    }
}
