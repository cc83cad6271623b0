using Diffract.Diffusion;
using Diffract.Torch;

namespace Diffract.Tests.Diffusion;

public class NoiseScheduleTests
{
    static readonly Dictionary<string, Func<NoiseSchedule, double[]>> Tables = new()
    {
        ["betas"] = s => s.Betas,
        ["alphas_cumprod"] = s => s.AlphasCumprod,
        ["alphas_cumprod_prev"] = s => s.AlphasCumprodPrev,
        ["alphas_cumprod_next"] = s => s.AlphasCumprodNext,
        ["sqrt_alphas_cumprod"] = s => s.SqrtAlphasCumprod,
        ["sqrt_one_minus_alphas_cumprod"] = s => s.SqrtOneMinusAlphasCumprod,
        ["log_one_minus_alphas_cumprod"] = s => s.LogOneMinusAlphasCumprod,
        ["sqrt_recip_alphas_cumprod"] = s => s.SqrtRecipAlphasCumprod,
        ["sqrt_recipm1_alphas_cumprod"] = s => s.SqrtRecipM1AlphasCumprod,
        ["posterior_variance"] = s => s.PosteriorVariance,
        ["posterior_log_variance_clipped"] = s => s.PosteriorLogVarianceClipped,
        ["posterior_mean_coef1"] = s => s.PosteriorMeanCoef1,
        ["posterior_mean_coef2"] = s => s.PosteriorMeanCoef2,
    };

    [Theory]
    [InlineData("linear")]
    [InlineData("cosine")]
    public void Schedules_match_guided_diffusion(string name)
    {
        using var golden = Golden.Load("schedules");
        var schedule = NoiseSchedule.Named(name);
        foreach (var (table, of) in Tables)
        {
            // The fixture's own tolerances: 1e-12 for what is defined, 1e-9 for what is derived.
            Close(golden["arrays.safetensors"].Get($"{name}1000/{table}").ToArray<double>(), of(schedule), table is "betas" or "alphas_cumprod" ? 1e-12 : 1e-9, table);
        }
    }

    [Fact]
    public void Spaced_steps_and_their_betas_match_guided_diffusion()
    {
        using var golden = Golden.Load("schedules");
        foreach (var entry in golden.Description.GetProperty("space_timesteps").EnumerateArray())
        {
            var (steps, specification) = (entry.GetProperty("T").GetInt32(), entry.GetProperty("spec").GetString()!);
            var spaced = Timesteps.Spaced(steps, specification);

            Assert.Equal(entry.GetProperty("timesteps").EnumerateArray().Select(t => t.GetInt32()), spaced);
            Close(golden["arrays.safetensors"].Get($"spaced/{steps}/{specification}/betas").ToArray<double>(), NoiseSchedule.Linear(steps).Respaced(spaced).Betas, 1e-9, specification);
        }
        Assert.Equal(13, Timesteps.Spaced(1000, "ddim13").Length);
        Assert.Contains("cannot divide section of 1000 steps into 1001", Assert.Throws<ArgumentException>(() => Timesteps.Spaced(1000, "1001")).Message);
        Assert.Contains("cannot divide section of 3 steps into 4", Assert.Throws<ArgumentException>(() => Timesteps.Spaced(10, "4,4,4")).Message);
    }

    [Fact]
    public void QSample_mixes_picture_and_noise_by_the_schedule()
    {
        using var scope = new TensorScope();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());
        var (x0, noise) = (Aten.Full([2, 3, 2, 2], 0.5), Aten.Full([2, 3, 2, 2], -1));

        var xt = diffusion.QSample(x0, Tensor.From((long[])[0, 90]), noise).ToArray<double>();

        double Expected(int t) => 0.5 * Math.Sqrt(diffusion.Schedule.AlphasCumprod[t]) - Math.Sqrt(1 - diffusion.Schedule.AlphasCumprod[t]);
        Assert.Equal(Expected(0), xt[0], 1e-6);
        Assert.Equal(Expected(90), xt[^1], 1e-6);
    }

    static void Close(double[] wanted, double[] actual, double relative, string what)
    {
        Assert.Equal(wanted.Length, actual.Length);
        for (var i = 0; i < wanted.Length; i++)
        {
            Assert.True(Math.Abs(wanted[i] - actual[i]) <= relative * Math.Max(Math.Abs(wanted[i]), 1e-300), $"{what}[{i}]: {actual[i]:r}, wanted {wanted[i]:r}");
        }
    }
}
