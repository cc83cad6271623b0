using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;

namespace Diffract.Tests.Models;

/// <summary>Small nets with random weights, to be compared with each other where two kinds must agree.</summary>
sealed class RandomNet(UNetConfig config)
{
    /// <summary>Three levels, attention on two of them.</summary>
    public static readonly UNetConfig Small = new()
    {
        ImageSize = 16, OutChannels = 3, ModelChannels = 32, ChannelMult = [1, 2, 2], NumResBlocks = 1, AttentionFactors = new HashSet<int> { 2, 4 }, NumHeadChannels = 32,
    };

    public UNetConfig Config => config;

    /// <summary>By name; a weight's scale keeps maps of about one.</summary>
    public Dictionary<string, float[]> Weights { get; } = Make(config);

    /// <summary>The same values under another configuration; tensors that this one lacks are zeros.</summary>
    public RandomNet As(UNetConfig other)
    {
        var net = new RandomNet(other);
        foreach (var (name, values) in net.Weights)
        {
            if (Weights.TryGetValue(name, out var known) && known.Length == values.Length)
            {
                known.CopyTo(values, 0);
            }
            else
            {
                Array.Clear(values);
            }
        }
        return net;
    }

    public string Write(ScratchFolder scratch, string name)
    {
        UNetFile.Write(scratch[name], config, "linear", UNetShapes.Parameters(new UNetLayout(config)).Select(p => SafetensorsEntry.Of(p.Name, p.Shape, Weights[p.Name])));
        return scratch[name];
    }

    /// <summary>Its output for pictures, steps and classes, through a file of weights.</summary>
    public float[] Run(float[] x, float[] t, long[]? y = null)
    {
        using var scratch = new ScratchFolder();
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var loaded = UNetLoader.Open(Write(scratch, "net.safetensors"));
        var input = Tensor.From(x, t.Length, config.InChannels, config.ImageSize, config.ImageSize);
        return loaded.Net.Forward(input, Tensor.From(t, t.Length), y is null ? null : Tensor.From(y, y.Length)).ToArray<float>();
    }

    public static float[] Pictures(UNetConfig config, int count) => Uniform(new Random(5), count * config.InChannels * config.ImageSize * config.ImageSize, 1);

    static Dictionary<string, float[]> Make(UNetConfig config)
    {
        var random = new Random(11);
        var weights = new Dictionary<string, float[]>();
        foreach (var (name, shape) in UNetShapes.Parameters(new UNetLayout(config)))
        {
            var fanIn = shape.Length == 1 ? 4 : shape.Skip(1).Aggregate(1L, (a, b) => a * b);
            weights[name] = Uniform(random, shape.Aggregate(1L, (a, b) => a * b), Math.Sqrt(3.0 / fanIn));
        }
        return weights;
    }

    static float[] Uniform(Random random, long count, double bound)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (float)(bound * (2 * random.NextDouble() - 1));
        }
        return values;
    }
}
