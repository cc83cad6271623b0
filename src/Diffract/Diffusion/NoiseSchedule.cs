namespace Diffract.Diffusion;

/// <summary>The variances beta_t of the forward process and what follows from them, all in float64. Steps count from 0.</summary>
public sealed class NoiseSchedule
{
    public NoiseSchedule(double[] betas)
    {
        if (betas.Length == 0 || betas.Any(beta => beta is not (> 0 and <= 1)))
        {
            throw new ArgumentException($"betas must lie in (0, 1], found {betas.Where(b => b is not (> 0 and <= 1)).DefaultIfEmpty(double.NaN).First()} among {betas.Length}", nameof(betas));
        }
        Betas = betas;
        AlphasCumprod = CumulativeProduct(betas);
        AlphasCumprodPrev = [1, .. AlphasCumprod[..^1]];
        AlphasCumprodNext = [.. AlphasCumprod[1..], 0];
        PosteriorVariance = [.. Steps.Select(t => betas[t] * (1 - AlphasCumprodPrev[t]) / (1 - AlphasCumprod[t]))];
    }

    IEnumerable<int> Steps => Enumerable.Range(0, Betas.Length);

    public double[] Betas { get; }

    /// <summary>alpha-bar_t, the product of 1 - beta_i over i = 0 .. t.</summary>
    public double[] AlphasCumprod { get; }
    /// <summary>alpha-bar of the step before; 1 before the first.</summary>
    public double[] AlphasCumprodPrev { get; }
    /// <summary>alpha-bar of the step after; 0 after the last.</summary>
    public double[] AlphasCumprodNext { get; }
    /// <summary>Variance of q(x_{t-1} | x_t, x_0); 0 at step 0.</summary>
    public double[] PosteriorVariance { get; }
    /// <summary>Its logarithm, with step 1's value at step 0.</summary>
    public double[] PosteriorLogVarianceClipped => [.. Steps.Select(t => Math.Log(PosteriorVariance[Math.Min(Math.Max(t, 1), Betas.Length - 1)]))];
    /// <summary>Weight of x_0 in the posterior's mean.</summary>
    public double[] PosteriorMeanCoef1 => [.. Steps.Select(t => Betas[t] * Math.Sqrt(AlphasCumprodPrev[t]) / (1 - AlphasCumprod[t]))];
    /// <summary>Weight of x_t in the posterior's mean.</summary>
    public double[] PosteriorMeanCoef2 => [.. Steps.Select(t => (1 - AlphasCumprodPrev[t]) * Math.Sqrt(1 - Betas[t]) / (1 - AlphasCumprod[t]))];
    public double[] SqrtAlphasCumprod => [.. AlphasCumprod.Select(Math.Sqrt)];
    public double[] SqrtOneMinusAlphasCumprod => [.. AlphasCumprod.Select(a => Math.Sqrt(1 - a))];
    public double[] LogOneMinusAlphasCumprod => [.. AlphasCumprod.Select(a => Math.Log(1 - a))];
    public double[] SqrtRecipAlphasCumprod => [.. AlphasCumprod.Select(a => Math.Sqrt(1 / a))];
    public double[] SqrtRecipM1AlphasCumprod => [.. AlphasCumprod.Select(a => Math.Sqrt(1 / a - 1))];

    /// <summary>Ho et al. 2020, scaled to any number of steps: 1e-4 to 0.02, times 1000 / steps.</summary>
    public static NoiseSchedule Linear(int steps = 1000)
    {
        var (first, last) = (1e-4 * 1000 / steps, 0.02 * 1000 / steps);
        return new([.. Enumerable.Range(0, steps).Select(i => steps == 1 ? first : i == steps - 1 ? last : first + i * ((last - first) / (steps - 1)))]);
    }

    /// <summary>Nichol and Dhariwal 2021: alpha-bar(u) = cos^2((u + 0.008) / 1.008 pi / 2), betas at most 0.999.</summary>
    public static NoiseSchedule Cosine(int steps = 1000)
    {
        static double AlphaBar(double u) => Math.Pow(Math.Cos((u + 0.008) / 1.008 * Math.PI / 2), 2);
        return new([.. Enumerable.Range(0, steps).Select(i => Math.Min(1 - AlphaBar((i + 1.0) / steps) / AlphaBar((double)i / steps), 0.999))]);
    }

    /// <param name="name">"linear" or "cosine".</param> <param name="steps">At least 1.</param>
    public static NoiseSchedule Named(string name, int steps = 1000) => (name, steps) switch
    {
        (_, < 1) => throw new ArgumentException($"a schedule of {steps} steps: expected at least 1"),
        ("linear", _) => Linear(steps),
        ("cosine", _) => Cosine(steps),
        _ => throw new ArgumentException($"noise schedule '{name}': expected linear or cosine"),
    };

    /// <summary>The process that visits only the given steps of this one, with the same alpha-bar at each.</summary>
    /// <param name="timesteps">Ascending, without repeats.</param>
    public NoiseSchedule Respaced(IReadOnlyList<int> timesteps)
    {
        var previous = 1.0;
        var betas = new double[timesteps.Count];
        for (var i = 0; i < betas.Length; i++)
        {
            betas[i] = 1 - AlphasCumprod[timesteps[i]] / previous;
            previous = AlphasCumprod[timesteps[i]];
        }
        return new(betas);
    }

    static double[] CumulativeProduct(double[] betas)
    {
        var product = 1.0;
        return [.. betas.Select(beta => product *= 1 - beta)];
    }
}
