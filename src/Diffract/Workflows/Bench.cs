using System.Diagnostics;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What one process has measured.</summary>
/// <param name="SecondsPerPicture">One value for each repetition.</param>
/// <param name="PeakBytes">The most memory that the process has held; null where the system does not tell.</param>
/// <param name="WeightBytes">Of which the net's parameters.</param>
/// <param name="Threads">Threads that one operator could use.</param>
/// <param name="Engine">libtorch and its libraries, with versions.</param>
public sealed record BenchSample(IReadOnlyList<double> SecondsPerPicture, long? PeakBytes, long WeightBytes, int Threads, string Engine);

/// <summary>Times the program's own work, in this process. For a clean peak of memory, a process should measure once.</summary>
public static class Bench
{
    const int WarmUp = 2; // the first pass packs weights, whose memory the second pass's maps must do without

    /// <summary>The pass to a block on random pictures, without gradients, after a warm-up.</summary>
    /// <param name="config">The net, with random weights.</param> <param name="block">Where the pass stops.</param> <param name="precision">Of weights and maps.</param>
    public static BenchSample Extract(UNetConfig config, int block, int batch, DType precision, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var store = ParameterStore.New(computeType: precision);
        return Extract(BenchNets.Build(store, config, block), store, block, batch, WarmUp, repeat);
    }

    /// <summary>The same with the weights of a checkpoint.</summary>
    public static BenchSample Extract(string model, int block, int batch, DType precision, int repeat) => Extract(model, block, batch, precision, WarmUp, repeat);

    static BenchSample Extract(string model, int block, int batch, DType precision, int warmUp, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var loaded = UNetLoader.Open(model, precision: precision, lastBlock: block);
        return Extract(loaded.Net, loaded.Store, block, batch, warmUp, repeat);
    }

    static BenchSample Extract(UNet net, ParameterStore store, int block, int batch, int warmUp, int repeat)
    {
        var x = Aten.Randn([batch, net.Config.InChannels, net.Config.ImageSize, net.Config.ImageSize]);
        var t = Aten.Full([batch], 150, DType.Int64);
        return Sample(Bytes(store), batch, warmUp, repeat, _ => net.ForwardFeatures(x, t, [block]));
    }

    /// <summary>Whole steps of pre-training: noise, pass, loss, gradients, AdamW; the average of the weights is left out.</summary>
    /// <param name="precision">Of maps and products; the weights are float32.</param>
    public static BenchSample Train(UNetConfig config, int batch, DType precision, int repeat)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var net = BenchNets.Build(store, config, computeType: precision);
        net.Training = true;
        store.RequireGrad(true);
        var recipe = new PretrainConfig { Net = config };
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(recipe.NoiseSchedule));
        using var optimizer = new AdamW([new([.. store.Parameters.Values], WeightDecay: recipe.WeightDecay)]) { LearningRate = recipe.LearningRate };
        return Sample(Bytes(store), batch, WarmUp, repeat, step =>
        {
            var x0 = Aten.Rand([batch, config.InChannels, config.ImageSize, config.ImageSize]) * 2 - 1;
            Pretrain.Loss(net, diffusion, x0).Backward();
            optimizer.Step(step);
        });
    }

    /// <summary>Steps of training feedback layers (DifFeed) on a frozen net: first pass, second pass with gradients to a block, backward pass, SGD.</summary>
    /// <param name="strategy">As <see cref="FeedbackStrategy.Parse"/> reads it.</param> <param name="precision">Of the net's weights and maps; the layers are float32.</param>
    public static BenchSample Feedback(UNetConfig config, string strategy, int block, int batch, DType precision, int repeat, bool recompute)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New(computeType: precision);
        using var trained = ParameterStore.New();
        var layout = new UNetLayout(config);
        var feedback = FeedbackConfig.Of(FeedbackStrategy.Parse(strategy), layout);
        var net = BenchNets.Build(store, config, feedback.Deepest([block]));
        net.Recompute = recompute;
        var extractor = new FeedbackExtractor(net, new(trained.Root, feedback, layout), [block]);
        trained.RequireGrad(true);
        using var optimizer = new Sgd([new([.. trained.Parameters.Values])]) { LearningRate = 1e-2 };
        var x = Aten.Randn([batch, config.InChannels, config.ImageSize, config.ImageSize]);
        var t = Aten.Full([batch], 150, DType.Int64);
        return Sample(Bytes(store), batch, WarmUp, repeat, step =>
        {
            extractor.Second(extractor.First(x, t), t, null, training: true)[block].To(DType.Float32).Square().Mean().Backward();
            optimizer.Step(step);
        });
    }

    /// <summary>Pictures through the net for several steps, as extraction does it: noise, passes, pools of all blocks, maps brought to float32.</summary>
    /// <param name="steps">Passes a picture.</param> <param name="blocks">Ascending; the pass stops at the last.</param> <param name="pools">Sides of the pooled maps.</param>
    public static BenchSample Taps(UNetConfig config, int[] steps, int[] blocks, int[] pools, int batch, DType precision, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var store = ParameterStore.New(computeType: precision);
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named("linear"));
        var request = new FeatureRequest { T = steps, Blocks = blocks, Pools = pools, Height = config.ImageSize, Width = config.ImageSize, Precision = precision };
        var extractor = new FeatureExtractor(BenchNets.Build(store, config, blocks[^1]), diffusion, request);
        var x0 = Aten.Rand([batch, config.InChannels, config.ImageSize, config.ImageSize]) * 2 - 1;
        ContentHash[] hashes = [.. Enumerable.Range(0, batch).Select(i => ContentHash.Of([(byte)i]))];
        return Sample(Bytes(store), batch, WarmUp, repeat, _ => extractor.Extract(x0, hashes, (_, _) => { }));
    }

    /// <summary>From the start of this process to the first picture's features: libraries, weights, one pass.</summary>
    /// <param name="model">A checkpoint.</param>
    public static BenchSample Start(string model, int block, DType precision)
    {
        var sample = Extract(model, block, batch: 1, precision, warmUp: 1, repeat: 0);
        using var process = Process.GetCurrentProcess();
        return sample with { SecondsPerPicture = [(DateTime.Now - process.StartTime).TotalSeconds] };
    }

    internal static BenchSample Sample(long weightBytes, int pictures, int warmUp, int repeat, Action<int> action)
    {
        var seconds = new List<double>();
        for (var i = 0; i < warmUp + repeat; i++)
        {
            using var turn = new TensorScope();
            var clock = Stopwatch.StartNew();
            action(i);
            if (i >= warmUp)
            {
                seconds.Add(clock.Elapsed.TotalSeconds / pictures);
            }
        }
        return new(seconds, PeakMemory("self"), weightBytes, Torch.Torch.Threads, EngineFacts.Describe());
    }

    static long Bytes(ParameterStore store) => store.Parameters.Values.Sum(p => p.Elements * p.DType.Size());

    /// <summary>The most memory that a process has held, in bytes; null where the system does not tell.</summary>
    /// <param name="process">"self", or its number.</param>
    public static long? PeakMemory(string process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line?.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [_, var kilobytes, ..] ? long.Parse(kilobytes) * 1024 : null;
        }
        catch (IOException)
        {
            return null;                                                                   // it has ended
        }
    }
}
