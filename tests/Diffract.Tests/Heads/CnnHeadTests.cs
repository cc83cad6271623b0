using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class CnnHeadTests
{
    static readonly CnnConfig Config = new() { Ts = [10, 20], Blocks = [new(3, 4, 7, 8), new(5, 3, 9, 9)], Classes = 6, Widths = [5, 4] };

    // The definition, a loop an index: convolution, ReLU, maximum of 2 x 2, average of windows, a row of weights.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Logits_are_those_of_the_definition(int padding)
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        var config = Config with { Padding = padding };
        Torch.Torch.ManualSeed(3);
        var head = config.Build(store.Root);
        var maps = config.Keys.ToDictionary(key => key, key => Aten.Randn([2, .. Shape(key.Block)]));
        var weights = store.All.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray<double>());

        var logits = head.Forward(maps, training: false).ToArray<double>();

        for (var n = 0; n < 2; n++)
        {
            var vector = new List<double>();
            foreach (var key in config.Keys)
            {
                var h = Cube(maps[key].Select(0, n));
                for (var i = 0; i < 2; i++)
                {
                    h = Pooled(Convolved(h, weights[$"convs.{key.Block}.{i}.weight"], weights[$"convs.{key.Block}.{i}.bias"], padding));
                }
                vector.AddRange(Averaged(h, 2));
            }
            for (var c = 0; c < 6; c++)
            {
                var wanted = weights["head.bias"][c] + vector.Select((value, i) => value * weights["head.weight"][c * vector.Count + i]).Sum();
                Assert.Equal(wanted, logits[n * 6 + c], 1e-5);
            }
        }
    }

    [Fact]
    public void Gradients_are_differences_of_the_loss()
    {
        using var scope = new TensorScope();
        using var store = ParameterStore.New();
        Torch.Torch.ManualSeed(4);
        var head = Config.Build(store.Root);
        store.RequireGrad(true);
        var maps = Config.Keys.ToDictionary(key => key, key => Aten.Randn([3, .. Shape(key.Block)]));
        var labels = Tensor.From([0L, 5, 2]);
        double Loss() => Aten.CrossEntropy(head.Forward(maps, training: true), labels).Item();

        Aten.CrossEntropy(head.Forward(maps, training: true), labels).Backward();

        using var off = GradMode.Off();
        foreach (var (name, parameter) in store.Parameters)
        {
            // Along the gradient, where the difference is largest beside float32's rounding.
            var gradient = parameter.Grad!;
            var norm = gradient.Norm().Item();
            Assert.True(norm > 1e-4, $"{name}: the gradient is {norm}");
            var along = gradient / norm;
            const double Step = 5e-3;
            parameter.Add_(along, Step);
            var above = Loss();
            parameter.Add_(along, -2 * Step);
            var below = Loss();
            parameter.Add_(along, Step);
            Assert.Equal(norm, (above - below) / (2 * Step), 0.02 * norm + 1e-4);
        }
    }

    static long[] Shape(int block) => Config.Blocks.Single(b => b.Block == block) is var b ? [b.Channels, b.Height, b.Width] : [];

    static double[,,] Cube(Tensor map)
    {
        var values = map.ToArray<double>();
        var cube = new double[map.Size(0), map.Size(1), map.Size(2)];
        Buffer.BlockCopy(values, 0, cube, 0, values.Length * sizeof(double));
        return cube;
    }

    static double[,,] Convolved(double[,,] x, double[] weight, double[] bias, int padding)
    {
        var (channels, height, width) = (x.GetLength(0), x.GetLength(1), x.GetLength(2));
        var y = new double[bias.Length, height + 2 * padding - 1, width + 2 * padding - 1];
        double At(int c, int row, int column) => row >= 0 && row < height && column >= 0 && column < width ? x[c, row, column] : 0;
        for (var o = 0; o < bias.Length; o++)
        {
            for (var row = 0; row < y.GetLength(1); row++)
            {
                for (var column = 0; column < y.GetLength(2); column++)
                {
                    var sum = bias[o];
                    for (var c = 0; c < channels; c++)
                    {
                        for (var k = 0; k < 4; k++)
                        {
                            sum += weight[(o * channels + c) * 4 + k] * At(c, row - padding + k / 2, column - padding + k % 2);
                        }
                    }
                    y[o, row, column] = Math.Max(0, sum);
                }
            }
        }
        return y;
    }

    static double[,,] Pooled(double[,,] x)
    {
        var y = new double[x.GetLength(0), x.GetLength(1) / 2, x.GetLength(2) / 2];
        for (var c = 0; c < y.GetLength(0); c++)
        {
            for (var row = 0; row < y.GetLength(1); row++)
            {
                for (var column = 0; column < y.GetLength(2); column++)
                {
                    y[c, row, column] = Enumerable.Range(0, 4).Max(k => x[c, 2 * row + k / 2, 2 * column + k % 2]);
                }
            }
        }
        return y;
    }

    // Window i of s over n places is floor(i n / s) to ceil((i + 1) n / s).
    static IEnumerable<double> Averaged(double[,,] x, int side)
    {
        IEnumerable<int> Window(int i, int n) => Enumerable.Range(i * n / side, ((i + 1) * n + side - 1) / side - i * n / side);
        return from c in Enumerable.Range(0, x.GetLength(0))
               from i in Enumerable.Range(0, side)
               from j in Enumerable.Range(0, side)
               select (from row in Window(i, x.GetLength(1)) from column in Window(j, x.GetLength(2)) select x[c, row, column]).Average();
    }
}
