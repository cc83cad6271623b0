using Diffract.Heads;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Heads;

public class LinearGridTests
{
    static readonly LinearConfig Config = new() { Ts = [0], Blocks = [new(1, 6, 2, 2)], Classes = 4, Pool = 2 };
    static readonly GridCandidate[] Candidates = [new(0.5), new(0.05, 0.3), new(0.01, 0.01)];

    static (Tensor X, Tensor Labels) Data()
    {
        Torch.Torch.ManualSeed(11);
        return (Aten.Randn([40, Config.Inputs]), Aten.RandInt(0, Config.Classes, [40]));
    }

    static Optimizer Optimizer(bool adam, ParameterGroup group) => adam ? new AdamW([group]) : new Sgd([group]);

    static TrainLoopConfig Loop(double rate) => new() { Activity = "test", Steps = 20, LearningRate = LearningRate.Steps(rate, 8) };

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void LinearGrid_trains_each_candidate_as_it_would_be_trained_alone(bool adam, bool batchNorm)
    {
        using var scope = new TensorScope();
        var config = Config with { BatchNorm = batchNorm };
        var (x, labels) = Data();
        (Tensor, Tensor) Batch(long step) => (x.Narrow(0, step % 5 * 8, 8), labels.Narrow(0, step % 5 * 8, 8));
        Torch.Torch.ManualSeed(5);
        using var stacked = ParameterStore.New();
        var grid = new LinearGrid(stacked.Root, config, Candidates);
        stacked.RequireGrad(true);
        using var together = Optimizer(adam, grid.Group);
        TrainLoop.Run(Loop(1), together, [.. stacked.All], (step, _) => Batch(step) is var (some, wanted) ? grid.Loss(some, wanted) : null!);
        var logits = grid.Forward(x, training: false);
        var losses = LinearGrid.Losses(logits, labels).ToArray<double>();

        for (var k = 0; k < Candidates.Length; k++)
        {
            Torch.Torch.ManualSeed(5);                                                     // the grid starts from what one head would start from
            using var store = ParameterStore.New();
            var head = (LinearHead)config.Build(store.Root);
            store.RequireGrad(true);
            using var alone = Optimizer(adam, new([.. store.Parameters.Values], WeightDecay: Candidates[k].WeightDecay));
            TrainLoop.Run(Loop(Candidates[k].LearningRate), alone, [.. store.All], (step, _) => Batch(step) is var (some, wanted) ? Aten.CrossEntropy(head.Forward(some, training: true), wanted) : null!);

            AssertClose(head.Forward(x, training: false), logits.Select(1, k));
            Assert.Equal(Aten.CrossEntropy(head.Forward(x, training: false), labels).Item(), losses[k], 1e-5);
            var state = grid.Candidate(k).ToDictionary(pair => pair.Key, pair => pair.Value);
            Assert.Equal(store.All.Select(pair => pair.Key).Order(), state.Keys.Order());
            Assert.All(store.All, pair => AssertClose(pair.Value, state[pair.Key]));
        }
    }

    [Fact]
    public void LinearGrid_trains_on_where_one_candidate_diverges()
    {
        using var scope = new TensorScope();
        var (x, labels) = Data();
        using var stacked = ParameterStore.New();
        var grid = new LinearGrid(stacked.Root, Config, [new(1e18, 1e3), new(0.1)]);
        stacked.RequireGrad(true);
        using var optimizer = new Sgd([grid.Group]);
        var before = LinearGrid.Losses(grid.Forward(x, training: false), labels).ToArray<double>();

        TrainLoop.Run(Loop(1), optimizer, [.. stacked.All], (_, _) => grid.Loss(x, labels));

        var after = LinearGrid.Losses(grid.Forward(x, training: false), labels).ToArray<double>();
        Assert.False(double.IsFinite(after[0]));
        Assert.True(after[1] < before[1], $"the loss went from {before[1]} to {after[1]}");
    }

    [Fact]
    public void LinearGrid_hands_a_candidate_over_as_a_head_in_a_file()
    {
        using var scope = new TensorScope();
        var (x, _) = Data();
        using var stacked = ParameterStore.New();
        var grid = new LinearGrid(stacked.Root["grid"], Config with { BatchNorm = true }, Candidates);
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            HeadFile.Write(path, Config with { BatchNorm = true }, grid.Candidate(2));
            using var file = CheckpointFile.Open(path);
            using var store = ParameterStore.From(file.StateDict());
            var head = (LinearHead)HeadFile.Config(file).Build(store.Root);
            store.Verify(path);

            AssertClose(grid.Forward(x, training: false).Select(1, 2), head.Forward(x, training: false));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void LinearGrid_refuses_what_it_cannot_train()
    {
        using var store = ParameterStore.New();

        var error = Assert.Throws<HeadConfigException>(() => new LinearGrid(store.Root, Config with { Hidden = [3] }, [new(0), new(1, -1)]));

        Assert.Contains("hidden layers are given", error.Message);
        Assert.Contains("LearningRate = 0", error.Message);
        Assert.Contains("WeightDecay = -1", error.Message);
        Assert.Contains("no candidate", Assert.Throws<HeadConfigException>(() => new LinearGrid(store.Root, Config, [])).Message);
    }

    static void AssertClose(Tensor want, Tensor got)
    {
        Assert.Equal(want.Shape, got.Shape);
        Assert.All(want.ToArray<double>().Zip(got.ToArray<double>()), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }
}
