using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class PairProductTests
{
    // Rows, depth, columns: fewer rows than a block of six or a register of sixteen, one or two registers, more; depths below, at and beyond a register and a slice; panels that are not full.
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 2, 16 }, { 5, 30, 16 }, { 6, 32, 64 }, { 16, 64, 32 }, { 17, 66, 48 }, { 31, 256, 64 }, { 32, 288, 80 }, { 33, 258, 112 }, { 70, 62, 64 }, { 97, 600, 208 },
    };

    static Tensor Pairs(Tensor b) => b.Reshape([b.Shape[0] / 2, 2, b.Shape[1]]).Transpose(1, 2).Contiguous();

    static Tensor Product(Tensor a, Tensor b, bool turned, bool software) => Dispatcher.Call("diffract::multiply_pairs", turned ? Pairs(a.Transpose(0, 1).Contiguous()) : a, Pairs(b), turned, software);

    static bool Has(DType type)
    {
        try
        {
            using var scope = new TensorScope();
            Product(Aten.Zeros([1, 2]).To(type), Aten.Zeros([2, 16]).To(type), turned: false, software: false);
            return true;
        }
        catch (TorchException exception) when (exception.Message.Contains("has no products", StringComparison.Ordinal))
        {
            return false;
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Products_of_pairs_match_float64(int rows, int depth, int columns)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(1);
        var (left, right) = (Aten.Randn([rows, depth]), Aten.Randn([depth, columns]));
        // Products of bfloat16 are exact in float32, whose sums are rounded; sums of float16 keep 11 bits.
        foreach (var (type, error) in new[] { (DType.BFloat16, 1e-6), (DType.Float16, 4e-3) }.Where(pair => Has(pair.Item1)))
        {
            var (a, b) = (left.To(type), right.To(type));
            var want = Dispatcher.Call("aten::mm", a.To(DType.Float64), b.To(DType.Float64));
            foreach (var turned in (bool[])[false, true])
            {
                foreach (var software in (bool[])[false, true])
                {
                    var difference = Product(a, b, turned, software).To(DType.Float64) - want;
                    Assert.InRange(Math.Sqrt((difference * difference).Sum().Item() / (want * want).Sum().Item()), 0, error);
                }
            }
        }
    }
}
