using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class TransformerTests
{
    [Fact]
    public void TransformerBlock_gives_for_the_first_token_alone_what_it_gives_for_it_among_all()
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(6);
        using var store = ParameterStore.New();
        var block = new TransformerBlock(store.Root, 24, 3, 2.5);
        store.RequireGrad(true);
        var x = Aten.Randn([4, 7, 24]);
        x.RequiresGrad = true;
        var weights = Aten.Randn([4, 24]);

        var all = block.Forward(x).Select(1, 0);
        (all * weights).Sum().Backward();
        double[][] wanted = [x.Grad!.ToArray<double>(), .. store.Parameters.Values.Select(p => p.Grad!.ToArray<double>())];
        Tensor[] leaves = [x, .. store.Parameters.Values];
        foreach (var leaf in leaves)
        {
            leaf.ClearGrad();
        }
        var first = block.ForwardFirst(x);
        (first * weights).Sum().Backward();

        AssertClose(all.ToArray<double>(), first.ToArray<double>());
        foreach (var (want, leaf) in wanted.Zip(leaves))
        {
            AssertClose(want, leaf.Grad!.ToArray<double>());
        }
    }

    static void AssertClose(double[] want, double[] got) => Assert.All(want.Zip(got), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
}
