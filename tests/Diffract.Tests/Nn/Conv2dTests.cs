using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

public class Conv2dTests
{
    // libtorch 2.6 gave NaN in one of eight such gradients, and in one of a thousand of the U-Net's last convolution.
    [Theory, InlineData(64, 10, 8), InlineData(32, 3, 16)]
    public void Gradients_of_outputs_that_are_no_multiple_of_sixteen_are_those_of_float64(int inputs, int outputs, int side)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        Torch.Torch.ManualSeed(1);
        var conv = new Conv2d(store.Root, inputs, outputs, 3);
        store.RequireGrad(true);
        var (input, target) = (Aten.Randn([16, inputs, side, side]), Aten.Randn([16, outputs, side, side]));
        var wanted = Gradient(input, DType.Float64, x => Aten.Conv2d(x, store.Parameters["weight"].Detach().To(DType.Float64), store.Parameters["bias"].Detach().To(DType.Float64), padding: 1), target);

        for (var i = 0; i < 100; i++)
        {
            using var inner = new TensorScope();
            Aten.Full([16, 64, side, side], double.NaN).Dispose();                         // what freed memory may hold
            var difference = (Gradient(input, DType.Float32, conv.Forward, target).To(DType.Float64) - wanted).Abs().Max().Item();
            Assert.True(difference <= 1e-5 * wanted.Abs().Max().Item(), $"pass {i}: {difference:e2} off");
        }
    }

    static Tensor Gradient(Tensor input, DType type, Func<Tensor, Tensor> layer, Tensor target)
    {
        using var scope = new TensorScope();
        var x = input.To(type).Clone();
        x.RequiresGrad = true;
        Aten.MseLoss(layer(x), target.To(type)).Backward();
        return scope.Return(x.Grad!);
    }
}
