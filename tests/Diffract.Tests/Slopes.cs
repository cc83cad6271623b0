using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests;

/// <summary>Gradients against differences of the function itself, in float64.</summary>
static class Slopes
{
    /// <summary>For each parameter: its gradient times a random direction equals the slope of the loss that way. The gradients have been made.</summary>
    /// <param name="way">Length of the steps to both sides; short where corners of ReLU lie close.</param>
    /// <param name="relative">Tolerance, of the slope, or of <paramref name="least"/> where that is larger.</param>
    public static void AssertEqualGradients(ParameterStore store, Func<Tensor> loss, double way, double relative, double least)
    {
        using var off = GradMode.Off();
        foreach (var (name, parameter) in store.Parameters)
        {
            using var scope = new TensorScope();
            var step = Aten.Randn(parameter.Shape, DType.Float64);
            var slope = (parameter.Grad! * step).Sum().Item();
            double At(double length)
            {
                using var inner = new TensorScope();
                parameter.Add_(step, length);
                var value = loss().Item();
                parameter.Add_(step, -length);
                return value;
            }
            Assert.True(Math.Abs(slope - (At(way) - At(-way)) / (2 * way)) < relative * Math.Max(Math.Abs(slope), least), name);
        }
    }
}
