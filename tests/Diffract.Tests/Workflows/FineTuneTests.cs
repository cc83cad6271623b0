using System.Text.Json.Nodes;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Tests.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class FineTuneTests
{
    static readonly HeadRecipe Quick = FineTuneRecipes.Get("default", attention: false).Recipe with { Epochs = 4, BatchSize = 16, LearningRates = [1e-3] };
    static readonly FeatureRequest Features = TinyNet.Request with { T = [50], Blocks = [3, 4], Pools = [2] };
    static readonly HeadConfig Linear = new LinearConfig { Pool = 2, BatchNorm = true };

    static Backbone Backbone(TemporaryFolder folder, double dropout = 0)
    {
        using var tiny = new TinyNet();
        UNetFile.Write(folder["base.safetensors"], TinyNet.Config with { Dropout = dropout }, "linear", tiny.Store.ToEntries());
        return Diffract.Workflows.Backbone.Open(folder["base.safetensors"]);
    }

    static HeadResult Tune(TemporaryFolder folder, string name, HeadRecipe? recipe = null, TuningConfig? tuning = null, Action<Progress>? report = null, CancellationToken cancellation = default, double dropout = 0)
    {
        using var backbone = Backbone(folder, dropout);
        return FineTune.Run(backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), Features, new(), tuning ?? new() { LayerDecay = 0.75 }, new(Linear, recipe ?? Quick), folder[name], report: report, cancellation: cancellation);
    }

    static Dictionary<string, float[]> Weights(string path)
    {
        using var file = CheckpointFile.Open(path);
        return file.StateDict().Where(pair => pair.Value.DType == DType.Float32).ToDictionary(pair => pair.Key, pair => pair.Value.ToArray<float>());
    }

    [Fact]
    public void Training_a_net_with_its_head_matches_the_released_code()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var golden = Golden.Load("finetune_e2e");
        File.WriteAllText(folder["flags.json"], golden.Description.GetProperty("create_model").GetRawText());
        using var backbone = Diffract.Workflows.Backbone.Open(Golden.PathOf("unet", "model.safetensors"), folder["flags.json"]);
        var config = HeadGolden.Config(golden);
        var tuning = new BackboneTuning(backbone, config.Blocks[^1].Block, new());
        using var store = golden.Store("head.safetensors");
        var head = config.Build(store.Root);
        store.RequireGrad(true);
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named("linear"));
        var (x, steps) = (golden.Input("x"), Aten.Full([4], config.Ts[0], DType.Int64));
        var noised = diffusion.QSample(x, steps, golden.Input("noise/0"));
        IReadOnlyDictionary<FeatureKey, Tensor> Maps() => tuning.Net.ForwardFeatures(noised, steps, [15]).ToDictionary(pair => new FeatureKey(150, pair.Key), pair => pair.Value);
        using (GradMode.Off())
        {
            golden.Check("logits_eval", head.Forward(Maps(), training: false));
        }
        var sgd = golden.Description.GetProperty("sgd");
        using var optimizer = new Sgd([new([.. store.Parameters.Values]), .. tuning.Groups(weightDecay: 0)]) { LearningRate = sgd.GetProperty("lr").GetDouble() };

        var maps = Maps();
        var logits = head.Forward(maps, training: true);
        var loss = Aten.CrossEntropy(logits, golden.Input("labels"));
        loss.Backward();

        golden.Check("x_t/0", noised);
        golden.Check("first/0/15", maps.Values.Single());
        golden.Check("logits", logits);
        golden.Check("loss", loss);
        var all = store.Parameters.Select(pair => (Name: "head." + pair.Key, pair.Value)).Concat(backbone.Loaded!.Store.Parameters.Select(pair => (Name: "encoder." + pair.Key, pair.Value))).ToList();
        string[] frozen = [.. golden.Description.GetProperty("encoder_frozen_names").EnumerateArray().Select(name => "encoder." + name.GetString())];
        Assert.Equal(frozen.Order(), all.Where(p => p.Value.Grad is null).Select(p => p.Name).Order());
        foreach (var (name, parameter) in all.Where(p => p.Value.Grad is not null))
        {
            using var inner = new TensorScope();
            var gradient = parameter.Grad!;
            if (golden.Has("outputs.safetensors", "grad/" + name))
            {
                golden.Check("grad/" + name, gradient);
                continue;
            }
            golden.Check("gradnorm/" + name, gradient.Norm());
            golden.Check("gradsum/" + name, gradient.Sum());
            golden.Check("gradhead64/" + name, gradient.Flatten().Narrow(0, 0, 64));
        }
        optimizer.Step(0);
        foreach (var (name, parameter) in all)
        {
            using var inner = new TensorScope();
            if (golden.Has("outputs.safetensors", "after_sgd1/" + name))
            {
                golden.Check("after_sgd1/" + name, parameter);
                continue;
            }
            golden.Check("after_sgd1_head64/" + name, parameter.Flatten().Narrow(0, 0, 64));
        }
        golden.Check("logits_train_after", head.Forward(Maps(), training: true));
    }

    [Fact]
    public void The_tuned_backbone_is_a_checkpoint_that_the_head_belongs_to()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        var result = Tune(folder, "out");

        using var head = TrainedHead.Open(folder["out/head.safetensors"]);
        using var tuned = Diffract.Workflows.Backbone.Open(folder["out/model.safetensors"], lastBlock: 4);
        Assert.Equal(TinyNet.Config.ToJson().ToJsonString(), tuned.Net.Config.ToJson().ToJsonString());
        Assert.Equal(tuned.Sha256, head.BackboneSha256);
        Assert.Equal(head.Inputs.Head.ParameterCount() + UNetShapes.ParameterCount(tuned.Net.Layout, last: 4), result.Parameters);
        Assert.Equal(tuned.Sha256, (string?)result.Backbone["sha256"]);
        Extract.Run(tuned, ExtractItems.Of(TinyNet.Pictures(40, 20)), Features, folder["store"]);
        using var store = FeatureStore.Open(folder["store"]);
        Assert.Equal(result.Test.Top1Hits, EvaluateHead.Run(head, store).Top1Hits);
        using var original = Diffract.Workflows.Backbone.Open(folder["base.safetensors"]);
        Assert.Throws<HeadConfigException>(() => EvaluateHead.Predict(head, original, ["any.png"]).ToList());

        var (before, after) = (Weights(folder["base.safetensors"]), Weights(folder["out/model.safetensors"]));
        Assert.Equal(before.Keys, after.Keys);
        foreach (var (name, values) in before)
        {
            var trained = original.Net.Layout.BlockOf(name) <= 4;
            Assert.True(trained == !values.AsSpan().SequenceEqual(after[name]), $"{name} has {(trained ? "not " : "")}changed");
        }
        Assert.Equal(20, result.Test.Pictures);
        Assert.False(Directory.Exists(folder["out/run"]));
    }

    static FeedbackHeadConfig WithFeedback(string layers = "C_B_R", params int[] first) => new()
    {
        Net = TinyNet.Config, ReadBlocks = [7], FirstReadBlocks = first, Feedback = FeedbackConfig.Of(FeedbackStrategy.Parse("6-4,8-2"), new UNetLayout(TinyNet.Config)) with { Layers = FeedbackConfig.ParseLayers(layers) },
        Reader = new AttentionConfig { Dim = 16, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4) },
    };

    // As the released code has it: the first pass without gradients, then the second one from the net's input on, with them.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_of_a_net_with_feedback_are_those_of_a_second_pass_that_begins_anew(bool recompute)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var backbone = Backbone(folder);
        var config = WithFeedback(first: [2, 6]);
        var tuning = new BackboneTuning(backbone, 7, new() { Recompute = recompute });
        var (items, request) = (ExtractItems.Of(TinyNet.Pictures(40, 20)), Features with { Blocks = config.FirstPassBlocks, Pools = [0] });
        using var source = new LiveSource(backbone, items, request, new(), tuning: tuning);
        var inputs = source.Complete(config, null, null);
        using var store = ParameterStore.New();
        Torch.Torch.ManualSeed(5);
        var head = inputs.Head.Build(store.Root);
        head.Attach(source.Net);
        store.RequireGrad(true);
        var all = store.Parameters.Concat(tuning.State).ToList();
        var labels = Tensor.From<long>([0, 1, 2, 3]);
        Dictionary<string, float[]> Gradients(Tensor logits)
        {
            all.ForEach(pair => pair.Value.ClearGrad());
            Aten.CrossEntropy(logits, labels).Backward();
            return all.Where(pair => pair.Value.Grad is not null).ToDictionary(pair => pair.Key, pair => pair.Value.Grad!.ToArray<float>());
        }
        var rows = new LivePictures(items, source.Request, workers: 1).Load([.. Enumerable.Range(0, 4).Select(row => new RowLook(row, default, 0))], [4]).Single();

        var ours = Gradients(head.Forward(source.Maps(inputs, rows), training: false));

        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named("linear"));
        var (x, steps, _) = new FeatureExtractor(tuning.Net, diffusion, source.Request).Noised(rows.X0, rows.Noise, 50);
        IReadOnlyDictionary<int, Tensor> first;
        using (GradMode.Off())
        {
            first = tuning.Net.ForwardFeatures(x, steps, [2, 6, 8]);
        }
        var layers = new FeedbackLayers(store.Root["feedback_layers"], config.Feedback, tuning.Net.Layout);
        var fed = config.Feedback.Pairs.Select((pair, i) => layers.Forward(i, first[pair.From], training: false)).ToList();
        Tensor? second = null;
        tuning.Net.Run(x, steps, null, 7, (b, h) =>
        {
            foreach (var (i, _) in config.Feedback.Pairs.Index().Where(pair => pair.Item.To == b))
            {
                h = h + Aten.UpsampleBilinear2d(fed[i], h.Size(2), h.Size(3));
            }
            if (b == 7) { second = h.Alias().Keep(); }
            return h;
        });
        var reader = (AttentionHead)((FeedbackHeadConfig)inputs.Head).Reader.Build(store.Root);
        using var read = second!;
        var expected = Gradients(reader.Forward([[(2, first[2]), (6, first[6]), (7, second!)]], training: false));

        Assert.Equal(expected.Keys.Order(), ours.Keys.Order());
        Assert.Contains("input_blocks.0.0.weight", ours.Keys);
        Assert.All(expected, pair => Assert.True(pair.Value.Zip(ours[pair.Key]).Max(v => Math.Abs(v.First - v.Second)) <= 1e-4 * pair.Value.Max(Math.Abs) + 1e-7, pair.Key));
    }

    [Fact]
    public void A_net_and_its_feedback_are_trained_together_and_used_as_they_were_tested()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        var config = WithFeedback();
        HeadResult result;
        using (var backbone = Backbone(folder))
        {
            result = FineTune.Run(backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), Features with { Blocks = config.FirstPassBlocks, Pools = [0] }, new(), new() { LayerDecay = 0.75 },
                new(config, Quick with { Epochs = 2 }), folder["out"]);
        }

        using var head = TrainedHead.Open(folder["out/head.safetensors"]);
        using var tuned = Diffract.Workflows.Backbone.Open(folder["out/model.safetensors"], lastBlock: head.DeepestBlock);
        Extract.Run(tuned, ExtractItems.Of(TinyNet.Pictures(40, 20)), Features with { Blocks = config.FirstPassBlocks, Pools = [0] }, folder["store"]);
        using var store = FeatureStore.Open(folder["store"]);
        Assert.Equal(result.Test.Top1Hits, EvaluateHead.Test(head, store, averageLooks: false, backbone: tuned).Score.Top1Hits);
        var (before, after) = (Weights(folder["base.safetensors"]), Weights(folder["out/model.safetensors"]));
        foreach (var (name, values) in before)
        {
            var trained = tuned.Net.Layout.BlockOf(name) <= 7;                             // block 8 feeds back, in the first pass, which gives no gradients
            Assert.True(trained == !values.AsSpan().SequenceEqual(after[name]), $"{name} has {(trained ? "not " : "")}changed");
        }
    }

    // The head has batch norm, which sees the 15 (or 10) pictures of a batch in either case. Sums of other order: 1e-6 a step.
    [Fact]
    public void A_net_that_is_trained_in_parts_of_a_batch_ends_as_one_that_is_trained_at_once()
    {
        using var folder = new TemporaryFolder();
        var recipe = Quick with { Optimizer = OptimizerKind.Sgd, BatchSize = 15, Epochs = 2, LearningRates = [0.05] };
        Tune(folder, "whole", recipe);
        Tune(folder, "parts", recipe with { Accumulate = 4 });

        const double tolerance = 1e-5;
        foreach (var file in new[] { "model.safetensors", "head.safetensors" })
        {
            var (whole, parts) = (Weights(folder["whole/" + file]), Weights(folder["parts/" + file]));
            Assert.All(whole, pair => Assert.Equal(pair.Value, parts[pair.Key], (a, b) => Math.Abs(a - b) <= tolerance));
        }
        var (before, after) = (Weights(folder["base.safetensors"]), Weights(folder["whole/model.safetensors"]));
        var moved = before.Max(pair => pair.Value.Zip(after[pair.Key], (a, b) => Math.Abs(a - b)).Max());
        Assert.True(moved > 100 * tolerance, $"weights have moved by {moved} at most");
        string[] losses = [.. new[] { "whole", "parts" }.Select(run => string.Join(' ', File.ReadLines(folder[$"{run}/metrics.jsonl"]).Select(line => $"{(double)JsonNode.Parse(line)!["loss"]!:f4}")))];
        Assert.Equal(losses[0], losses[1]);
    }

    [Fact]
    public void Fine_tuning_stopped_and_started_again_ends_with_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        var recipe = Quick with { Accumulate = 2 };
        Tune(folder, "whole", recipe, dropout: 0.2);

        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Tune(folder, "parts", recipe, report: p => { if (p.Done > p.Total / 2) { stop.Cancel(); } }, cancellation: stop.Token, dropout: 0.2));
        Assert.True(File.Exists(folder["parts/run/state.safetensors"]));
        Tune(folder, "parts", recipe, dropout: 0.2);

        var (whole, parts) = (TemporaryFolder.Contents(folder["whole"]), TemporaryFolder.Contents(folder["parts"]));
        Assert.Equal(whole.Keys, parts.Keys);
        Assert.All(whole.Keys.Where(name => name != TrainLoop.MetricsFile), name => Assert.Equal(whole[name], parts[name]));
    }

    [Fact]
    public void A_folder_of_another_run_is_refused_with_what_differs()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Tune(folder, "out", report: _ => stop.Cancel(), cancellation: stop.Token));

        var error = Assert.Throws<TrainException>(() => Tune(folder, "out", Quick with { BatchSize = 20 }));

        Assert.Contains("it was made with ...\"batchSize\":16,", error.Message);
        Assert.Contains("this run has ...\"batchSize\":20,", error.Message);
        Assert.InRange(error.Message.Length, 100, 500);
    }

    [Fact]
    public void A_chosen_learning_rate_trains_as_it_does_alone()
    {
        using var folder = new TemporaryFolder();
        var several = Tune(folder, "several", Quick with { Epochs = 2, LearningRates = [1e-5, 1e-3] });
        Assert.Equal(2, several.Candidates.Count);

        Tune(folder, "one", Quick with { Epochs = 2, LearningRates = [several.Chosen!.LearningRate] });

        var (a, b) = (Weights(folder["several/model.safetensors"]), Weights(folder["one/model.safetensors"]));
        Assert.All(a, pair => Assert.Equal(pair.Value, b[pair.Key]));
        Assert.Contains("best of 2 after 2 epochs on", several.Choice);
        Assert.Contains("best of 2 after 1 epoch on", Tune(folder, "short", Quick with { Epochs = 1, LearningRates = [1e-5, 1e-3] }).Choice);
        Assert.False(Directory.Exists(folder["several/choice-0"]));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(6, 2)]
    [InlineData(28, 9)]
    public void A_choice_takes_no_more_epochs_than_the_training(int epochs, int choosing) => Assert.Equal(choosing, (Quick with { Epochs = epochs }).ChoiceEpochs);

    [Fact]
    public void Learning_rates_fall_by_blocks_from_the_head_downwards()
    {
        using var folder = new TemporaryFolder();
        using var backbone = Backbone(folder);
        var tuning = new BackboneTuning(backbone, deepest: 4, new() { LayerDecay = 0.5 });
        var store = backbone.Loaded!.Store.Parameters;
        var groups = tuning.Groups(weightDecay: 0.1);

        ParameterGroup Of(string name) => groups.Single(group => group.Parameters.Contains(store[name]));
        Assert.Equal((0.5, 0.1), (Of("input_blocks.3.0.in_layers.2.weight").Scale, Of("input_blocks.3.0.in_layers.2.weight").WeightDecay));
        Assert.Equal((0.5, 0.0), (Of("input_blocks.3.0.in_layers.0.weight").Scale, Of("input_blocks.3.0.in_layers.0.weight").WeightDecay));
        Assert.Equal(0.25, Of("input_blocks.2.0.in_layers.2.weight").Scale);
        Assert.Equal(0.0625, Of("input_blocks.0.0.weight").Scale);
        Assert.Equal(0.03125, Of("time_embed.2.weight").Scale);
        Assert.DoesNotContain(groups, group => group.Parameters.Contains(store["middle_block.0.in_layers.2.weight"]) || group.Parameters.Contains(store["out.2.weight"]));
        Assert.Equal(groups.Sum(group => group.Parameters.Count), store.Values.Count(parameter => parameter.RequiresGrad));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void The_loss_falls_in_both_precisions_and_the_weights_stay_float32(DType precision)
    {
        using var folder = new TemporaryFolder();
        Tune(folder, "out", Quick with { Epochs = 8 }, new() { LayerDecay = 0.75, Precision = precision });

        double[] losses = [.. File.ReadLines(folder["out/metrics.jsonl"]).Select(line => (double)JsonNode.Parse(line)!["loss"]!)];
        Assert.True(losses[^1] < 0.8 * losses[0], $"{losses[0]:f3} to {losses[^1]:f3}");
        using var file = CheckpointFile.Open(folder["out/model.safetensors"]);
        Assert.All(file.Tensors.Values, tensor => Assert.Equal(DType.Float32, tensor.DType));
        using var head = TrainedHead.Open(folder["out/head.safetensors"]);
        Assert.Equal(precision, head.Features.Precision);
    }

    [Fact]
    public void Dropout_is_on_in_training_and_off_in_tests_whichever_came_before()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var backbone = Backbone(folder, dropout: 0.5);
        using var source = new LiveSource(backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), Features, new(), tuning: new(backbone, 4, new()));
        var inputs = source.Complete(Linear, null, null);
        float[] Map()
        {
            using var inner = new TensorScope();
            return source.Load(inputs, [new(0, default, 0), new(1, default, 0)], [2]).Single().Maps.Values.Last().ToArray<float>();
        }
        float[] Tested()
        {
            using var off = GradMode.Off();
            return Map();
        }

        Assert.NotEqual(Map(), Map());
        var tested = Tested();
        Assert.Equal(tested, Tested());
        Assert.NotEqual(Map(), Map());
        Assert.Equal(tested, Tested());
    }

    [Fact]
    public void Blocks_computed_once_more_train_alike()
    {
        using var folder = new TemporaryFolder();
        var recipe = Quick with { Epochs = 1, Optimizer = OptimizerKind.Sgd };
        Tune(folder, "kept", recipe);
        Tune(folder, "again", recipe, new() { LayerDecay = 0.75, Recompute = true });

        var (a, b) = (Weights(folder["kept/model.safetensors"]), Weights(folder["again/model.safetensors"]));
        Assert.All(a, pair => Assert.Equal(pair.Value, b[pair.Key], (x, y) => Math.Abs(x - y) < 1e-6f));
        Assert.Throws<ArgumentException>(() => Tune(folder, "dropout", recipe, new() { Recompute = true }, dropout: 0.1));
    }

    [Fact]
    public void A_recipe_that_fits_a_head_alone_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => FineTuneRecipes.Get("logistic", attention: false));

        Assert.Equal("recipe 'logistic' fits a head to features that stay as they are, and would leave the net untrained: to fine-tune, known are default, 2307.08702, 2311.17921, released-code", error.Message);
        Assert.All(FineTuneRecipes.Names, name => Assert.NotEqual(OptimizerKind.Lbfgs, FineTuneRecipes.Get(name, attention: false).Recipe.Optimizer));
    }

    [Fact]
    public void A_loss_that_is_not_finite_is_one_error()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<TrainException>(() => Tune(folder, "out", Quick with { LearningRates = [1e30], Optimizer = OptimizerKind.Sgd }));

        Assert.Contains("Try a smaller one", error.Message);
    }
}
