using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>First values of a parameter: fills a float32 tensor in place from libtorch's seeded generator.</summary>
public delegate void Init(Tensor tensor);

public static class Inits
{
    public static readonly Init Zeros = tensor => tensor.Zero_();
    public static readonly Init Ones = tensor => tensor.Fill_(1);

    /// <summary>Uniform in +-1/sqrt(fan_in): what torch.nn gives linear and convolution weights by default.</summary>
    public static readonly Init KaimingUniform = tensor => Uniform(tensor, FanIn(tensor.Shape));

    /// <summary>Uniform in +-1/sqrt(fan_in) of the weight that the bias belongs to.</summary>
    public static Init BiasOf(params long[] weightShape) => tensor => Uniform(tensor, FanIn(weightShape));

    public static Init Normal(double deviation) => tensor => tensor.Normal_(0, deviation);

    static void Uniform(Tensor tensor, double fanIn) => tensor.Uniform_(-1 / Math.Sqrt(fanIn), 1 / Math.Sqrt(fanIn));

    static double FanIn(long[] shape) => shape.Skip(1).Aggregate(1L, (product, size) => product * size);
}
