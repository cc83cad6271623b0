namespace Diffract.Optim;

/// <summary>Functions from a step (from 0) to a learning rate.</summary>
public static class LearningRate
{
    /// <summary>Times <paramref name="factor"/> after every <paramref name="every"/> steps.</summary>
    public static Func<long, double> Steps(double first, long every, double factor = 0.1) => step => first * Math.Pow(factor, step / every);

    /// <summary>Rises linearly over the warm-up, then falls to 0 along half a cosine.</summary>
    public static Func<long, double> WarmupCosine(double peak, long warmup, long total) => step => step < warmup
        ? peak * ((double)(step + 1) / warmup)
        : peak * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, (double)(step - warmup) / Math.Max(1, total - warmup))));

    public static Func<long, double> Constant(double rate) => _ => rate;
}
