using Diffract.Torch;

namespace Diffract.Diffusion;

public static class TimestepEmbedding
{
    /// <summary>[cos(t f) | sin(t f)], f_i = exp(-ln(10000) i / half), half = dim / 2; an odd dim gets a zero at the end.</summary>
    /// <param name="t">(N), whole or fractional steps.</param> <param name="dim">Width.</param> <returns>(N, dim) float32.</returns>
    /// <remarks>
    /// Vaswani et al. 2017, in guided-diffusion's order. Computed in float64: near t = 1000 an angle in float32 is off by some 3e-5, the largest
    /// rounding error of the whole net.
    /// </remarks>
    public static Tensor Sinusoid(Tensor t, int dim)
    {
        using var scope = new TensorScope();
        var half = dim / 2;
        var frequencies = (Aten.Arange(half, DType.Float64, t.Device) * (-Math.Log(10000) / half)).Exp();
        var angles = t.To(DType.Float64).Unsqueeze(1) * frequencies.Unsqueeze(0);          // (N, half)
        Tensor[] parts = dim % 2 == 0 ? [angles.Cos(), angles.Sin()] : [angles.Cos(), angles.Sin(), Aten.Zeros([t.Size(0), 1], DType.Float64, t.Device)];
        return scope.Return(Aten.Cat(parts, dimension: 1).To(DType.Float32));
    }
}
