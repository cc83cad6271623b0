namespace Diffract.Data;

/// <summary>Which source pixels make each output pixel of one axis, and with what fixed-point weights.</summary>
sealed class ResampleTaps
{
    /// <summary>8-bit data in 32-bit sums leaves 22 bits for the weights and two for overshoot.</summary>
    public const int FractionBits = 32 - 8 - 2;

    ResampleTaps(int outputs, int stride) => (First, Count, Weights, Stride) = (new int[outputs], new int[outputs], new int[checked(outputs * stride)], stride);

    /// <summary>First source pixel of each output.</summary>
    public int[] First { get; }

    /// <summary>Number of source pixels of each output.</summary>
    public int[] Count { get; }

    /// <summary>(outputs, Stride).</summary>
    public int[] Weights { get; }

    public int Stride { get; }

    /// <summary>Outputs <paramref name="start"/> to start + <paramref name="outputs"/> of an axis of <paramref name="target"/> made from <paramref name="source"/> pixels.</summary>
    public static ResampleTaps Compute(int source, int target, ResampleFilter filter, int start, int outputs)
    {
        double scale = (double)source / target;
        double stretch = Math.Max(scale, 1.0);                                         // > 1 widens the kernel: antialiasing
        double support = (filter == ResampleFilter.Box ? 0.5 : 2.0) * stretch;
        double step = 1.0 / stretch;
        int stride = Math.Min((int)Math.Ceiling(support) * 2 + 1, source);
        var taps = new ResampleTaps(outputs, stride);
        var kernel = new double[stride];
        for (int i = 0; i < outputs; i++)
        {
            double center = (start + i + 0.5) * scale;
            int first = Math.Max((int)(center - support + 0.5), 0);
            int count = Math.Min((int)(center + support + 0.5), source) - first;
            double total = 0;
            for (int k = 0; k < count; k++)
            {
                double x = (k + first - center + 0.5) * step;
                total += kernel[k] = filter == ResampleFilter.Box ? Box(x) : Bicubic(x);
            }
            (taps.First[i], taps.Count[i]) = (first, count);
            for (int k = 0; k < count; k++)
            {
                double weight = (total == 0 ? kernel[k] : kernel[k] / total) * (1 << FractionBits);
                taps.Weights[i * stride + k] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }
        }
        return taps;
    }

    static double Box(double x) => x > -0.5 && x <= 0.5 ? 1 : 0;

    static double Bicubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        if (x < 1) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
}
