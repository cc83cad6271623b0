using System.Diagnostics;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Where the time of a pass goes. Times are seconds a picture, the means of all passes but the first two.</summary>
/// <param name="Seconds">The whole pass.</param>
/// <param name="Blocks">In order.</param> <param name="Operators">The most expensive first.</param>
public sealed record PassProfile(double Seconds, IReadOnlyList<BlockTime> Blocks, IReadOnlyList<OperatorTime> Operators)
{
    /// <summary>Runs a net with random weights, without gradients, on random pictures of its size.</summary>
    /// <param name="config">The net.</param> <param name="block">Where the pass stops.</param> <param name="precision">Of weights and maps.</param> <param name="repeat">Passes, after two to warm up.</param>
    public static PassProfile Measure(UNetConfig config, int block, int batch, DType precision, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var store = ParameterStore.New(computeType: precision);
        var net = BenchNets.Build(store, config, block);
        var x = Aten.Randn([batch, config.InChannels, config.ImageSize, config.ImageSize]);
        var t = Aten.Full([batch], 150, DType.Int64);
        var (blocks, operators) = (new double[block + 1], new Dictionary<string, (int Calls, double Seconds)>());
        var total = 0.0;
        for (var pass = -1; pass <= repeat; pass++)
        {
            using var turn = new TensorScope();
            var clock = Stopwatch.StartNew();
            var last = 0.0;
            Dispatcher.Observer = pass <= 0 ? null : (name, time) => operators[name] = operators.GetValueOrDefault(name) is var o ? (o.Calls + 1, o.Seconds + time.TotalSeconds) : default;
            try
            {
                net.Run(x, t, null, block, (b, output) =>
                {
                    var now = clock.Elapsed.TotalSeconds;
                    blocks[b] += pass <= 0 ? 0 : now - last;
                    last = now;
                    return output;
                });
            }
            finally
            {
                Dispatcher.Observer = null;
            }
            total += pass <= 0 ? 0 : clock.Elapsed.TotalSeconds;
        }
        var pictures = (double)repeat * batch;
        return new(total / pictures,
            [.. net.Layout.Blocks.Take(block).Select(b => new BlockTime(b.Number, b.Module, b.Description, blocks[b.Number] / pictures,
                2 * UNetShapes.MultiplyAdds(b, config, config.ImageSize, config.ImageSize) / (blocks[b.Number] / pictures), Moved(b, config, batch, precision)))],
            [.. operators.Select(o => new OperatorTime(o.Key, o.Value.Calls / repeat, o.Value.Seconds / pictures)).OrderByDescending(o => o.Seconds)]);
    }

    static double Moved(UNetBlock block, UNetConfig config, int batch, DType precision)
    {
        double Map(int channels, int stride) => (double)channels * (config.ImageSize / stride) * (config.ImageSize / stride);
        return precision.Size() * (Map(block.InChannels, block.InStride) + Map(block.OutChannels, block.OutStride) + (double)UNetShapes.ParameterCount(block, config) / batch);
    }
}

/// <param name="Rate">Operations (two a multiply-add) a second.</param>
/// <param name="Bytes">That must be moved at least: the maps that go in and come out, and the batch's share of the weights.</param>
public sealed record BlockTime(int Block, string Module, string Layers, double Seconds, double Rate, double Bytes)
{
    /// <summary>Operations a byte.</summary>
    public double Intensity => Rate * Seconds / Bytes;
}

/// <param name="Name">As the dispatcher has it.</param> <param name="Calls">In one pass.</param>
public sealed record OperatorTime(string Name, int Calls, double Seconds);
