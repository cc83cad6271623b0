using System.Text.Json;
using Diffract.Data;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class PretrainTests
{
    static readonly PretrainConfig Tiny = new()
    {
        Net = TinyNet.Config with { Dropout = 0.1 }, Pictures = 16 * 30, BatchSize = 16, WarmupSteps = 5, LearningRate = 2e-3, LogEvery = 5, SaveEvery = 10, HeldOut = 16, Precision = DType.Float32,
    };

    static PictureSet Pictures => BuiltInSet.Make(seed: 1, first: 0, train: 200, test: 0, size: 16);

    [Fact]
    public void Pretraining_learns_and_its_model_opens_as_a_checkpoint()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        var path = Pretrain.Run(Tiny, Pictures, folder["run"]);

        var losses = File.ReadLines(folder["run/metrics.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("heldOutLoss").GetDouble()).ToList();
        Assert.Equal(6, losses.Count);
        Assert.True(losses[^1] < 0.8 * losses[0], $"held-out loss went from {losses[0]} to {losses[^1]}");
        using var loaded = UNetLoader.Open(path);
        Assert.Equal(TinyNet.Config.ImageSize, loaded.Config.ImageSize);
        Assert.Empty(loaded.Recognised.Assumptions);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Pretraining_stopped_and_started_again_ends_with_the_same_weights(DType precision)
    {
        using var folder = new TemporaryFolder();
        var config = Tiny with { Precision = precision };
        Pretrain.Run(config, Pictures, folder["whole"]);

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Pretrain.Run(config, Pictures, folder["parts"], report: p => { if (p.Done >= 15) { stop.Cancel(); } }, cancellation: stop.Token));
        Pretrain.Run(config, Pictures, folder["parts"]);

        Assert.Equal(File.ReadAllBytes(folder["whole/model.safetensors"]), File.ReadAllBytes(folder["parts/model.safetensors"]));
        Assert.Equal(File.ReadAllBytes(folder["whole/metrics.jsonl"]), File.ReadAllBytes(folder["parts/metrics.jsonl"]));
    }

    [Fact]
    public void A_run_is_not_taken_up_with_other_pictures()
    {
        using var folder = new TemporaryFolder();
        var (config, set) = (Tiny with { Pictures = 16 * 2 }, Pictures);
        Pretrain.Run(config, set, folder["run"]);
        PictureSet Of(IReadOnlyList<PictureItem> items, Func<int, byte[]> read) => new(set.Name, set.ClassNames, items, [], read);

        Assert.Throws<TrainException>(() => Pretrain.Run(config, Of(set.Items, BuiltInSet.Make(seed: 2, first: 0, train: 200, test: 0, size: 16).ReadBytes), folder["run"])); // of the same names
        Assert.Throws<TrainException>(() => Pretrain.Run(config, Of([.. set.Items.SkipLast(1)], set.ReadBytes), folder["run"]));
        Pretrain.Run(config, Of(set.Items, set.ReadBytes), folder["run"]);
    }

    [Fact]
    public void Pretraining_goes_on_from_a_checkpoint()
    {
        using var folder = new TemporaryFolder();
        var first = Pretrain.Run(Tiny, Pictures, folder["first"]);
        var more = Tiny with { From = first, Pictures = 16 * 5, LearningRate = 1e-4, EmaDecay = 0.5 };
        Pretrain.Run(more, Pictures, folder["more"]);

        double[] Losses(string run) => [.. File.ReadLines(folder[$"{run}/metrics.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("heldOutLoss").GetDouble())];
        Assert.InRange(Losses("more")[0], 0, 1.05 * Losses("first")[^1]);
        Assert.Throws<CheckpointException>(() => Pretrain.Run(more with { Net = TinyNet.Config with { ModelChannels = 64 } }, Pictures, folder["other"]));
    }

    [Fact]
    public void A_folder_of_another_run_is_not_taken_up()
    {
        using var folder = new TemporaryFolder();
        Pretrain.Run(Tiny with { Pictures = 16 * 5 }, Pictures, folder["run"]);

        var error = Assert.Throws<TrainException>(() => Pretrain.Run(Tiny with { Pictures = 16 * 5, Seed = 2 }, Pictures, folder["run"]));

        Assert.Contains("another run", error.Message);
    }

    [Fact]
    public void A_loss_that_is_not_finite_ends_the_run_with_advice()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<TrainException>(() => Pretrain.Run(Tiny with { LearningRate = 1e30, WarmupSteps = 1 }, Pictures, folder["run"]));

        Assert.Contains("Try a smaller one", error.Message);
    }
}
