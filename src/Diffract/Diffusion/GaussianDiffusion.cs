using Diffract.Torch;

namespace Diffract.Diffusion;

/// <summary>The forward process q(x_t | x_0) and the loss of predicting its noise.</summary>
public sealed class GaussianDiffusion(NoiseSchedule schedule) : IDisposable
{
    readonly Tensor _signal = Table(schedule.SqrtAlphasCumprod), _noise = Table(schedule.SqrtOneMinusAlphasCumprod);

    public NoiseSchedule Schedule { get; } = schedule;

    public int Steps => Schedule.Betas.Length;

    /// <summary>Noised images x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps.</summary>
    /// <param name="x0">(N, 3, H, W), range [-1, 1].</param> <param name="t">(N), int64, 0 &lt;= t &lt; Steps.</param> <param name="noise">eps, shape of x0.</param>
    /// <exception cref="TorchException">x0 and noise do not broadcast, or a step is out of range.</exception> <remarks>Ho et al. 2020, eq. 4.</remarks>
    public Tensor QSample(Tensor x0, Tensor t, Tensor noise)
    {
        using var scope = new TensorScope();
        return scope.Return(At(_signal, t, x0) * x0 + At(_noise, t, x0) * noise);
    }

    /// <summary>Mean squared error of the predicted noise: the simple loss.</summary>
    /// <param name="predicted">(N, 3 or 6, H, W): of six channels the first three count.</param> <param name="noise">(N, 3, H, W).</param>
    /// <returns>A scalar.</returns> <remarks>Ho et al. 2020, eq. 14.</remarks>
    public static Tensor NoiseLoss(Tensor predicted, Tensor noise) => Aten.MseLoss(predicted.Narrow(1, 0, noise.Size(1)).To(DType.Float32), noise);

    public void Dispose()
    {
        _signal.Dispose();
        _noise.Dispose();
    }

    static Tensor Table(double[] values) => Tensor.From(values.Select(v => (float)v).ToArray()).Keep();

    // The table's entry of each picture, (N, 1, 1, 1), where the pictures are.
    static Tensor At(Tensor table, Tensor t, Tensor x) => table.IndexSelect(0, t.To(Device.Cpu)).To(x.Device).Reshape(-1, 1, 1, 1);
}
