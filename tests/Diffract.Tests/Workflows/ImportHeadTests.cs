using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

/// <summary>The released code's latest.pth, made of the golden files' state dicts as that code makes it, to a head that gives the golden logits.</summary>
public class ImportHeadTests
{
    static readonly string[] Classes = [.. Enumerable.Range(0, 10).Select(i => $"class {i}")];

    static readonly FeatureRequest Request = new() { T = [150], Blocks = [15], Height = 32, Width = 32 };

    [Fact]
    public void A_released_checkpoint_becomes_a_head_that_gives_the_released_codes_logits()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var golden = Golden.Load("difeed_e2e_bottleneck");
        using var unet = Golden.Load("unet");
        using var weights = unet.Store("model.safetensors");
        var backbone = new Backbone(new UNet(weights.Root, Config(golden)), "model.safetensors", new string('b', 64), "linear");
        File.WriteAllBytes(folder["latest.pth"], Latest(golden));

        var complete = ImportHead.Run(folder["latest.pth"], Head(golden), Request, backbone, Classes, folder["head.safetensors"]);

        Assert.Equal(106_506 + 6_400, complete.ParameterCount());                          // of 6,659 saved values 259 are statistics
        using var head = TrainedHead.Open(folder["head.safetensors"]);
        head.Use(backbone);
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named("linear"));
        var steps = Aten.Full([4], 150, DType.Int64);
        using var off = GradMode.Off();
        var maps = backbone.Net.ForwardFeatures(diffusion.QSample(golden.Input("x"), steps, golden.Input("noise/0")), steps, [.. head.Inputs.Head.Blocks.Select(b => b.Block)]);
        golden.Check("logits_eval", head.Head.Forward(maps.ToDictionary(pair => new FeatureKey(150, pair.Key), pair => pair.Value), training: false));
    }

    [Fact]
    public void Another_head_than_the_file_holds_is_refused_by_name()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var golden = Golden.Load("difeed_e2e_bottleneck");
        using var unet = Golden.Load("unet");
        using var weights = unet.Store("model.safetensors");
        var backbone = new Backbone(new UNet(weights.Root, Config(golden), last: 1), "model.safetensors", new string('b', 64), "linear");
        File.WriteAllBytes(folder["latest.pth"], Latest(golden));

        var error = Assert.Throws<CheckpointException>(() => ImportHead.Run(folder["latest.pth"], Head(golden), Request with { Blocks = [16] }, backbone, Classes[..7], folder["head.safetensors"]));

        Assert.Contains("head.weight (is (10, 64), the model needs (7, 64))", error.Message);
        Assert.Contains("--classes", error.Message);
        Assert.False(File.Exists(folder["head.safetensors"]));
    }

    [Fact]
    public void A_file_without_feedback_layers_is_refused()
    {
        using var head = CheckpointFile.Open(Golden.PathOf("difeed_e2e_bottleneck", "head.pt"));

        Assert.Contains("0 under 'model_feedback'", Assert.Throws<CheckpointException>(() => ReleasedHead.WithFeedback(head)).Message);
    }

    static UNetConfig Config(Golden golden) => UNetConfig.Parse(golden.Description.GetProperty("create_model"), "create_model");

    static FeedbackHeadConfig Head(Golden golden) => new()
    {
        Net = Config(golden), ReadBlocks = [15], Feedback = FeedbackConfig.Of(FeedbackStrategy.Parse("bottleneck"), new UNetLayout(Config(golden))),
        Reader = AttentionConfig.FromLayerString(golden.Description.GetProperty("fusion_arc").GetString()!) with { Tokens = new TokenConfig.Projected(8, TokenNorm.Joint) },
    };

    // {"epoch": 28, "model_head": {...}, "model_feedback": {...}}, as torch.save writes it.
    static byte[] Latest(Golden golden)
    {
        var storages = new List<(string, byte[])>();
        var pickle = new CraftedPickle().Op("}(").Text("epoch").Long(28);
        foreach (var (group, file) in new[] { ("model_head", "head.pt"), ("model_feedback", "feedback_layers.pt") })
        {
            pickle.Text(group).Op("}(");
            foreach (var (name, stored) in golden[file].Under(""))
            {
                var key = $"{storages.Count}";
                long[] shape = [.. stored.Shape], strides = [.. shape.Select((_, i) => shape.Skip(i + 1).Aggregate(1L, (a, b) => a * b))];
                pickle.Text(name).Tensor(key, stored.Count, 0, shape, strides, stored.DType == DType.Int64 ? "LongStorage" : "FloatStorage");
                storages.Add((key, stored.DType == DType.Int64
                    ? [.. stored.ToTensor().ToArray<long>().SelectMany(BitConverter.GetBytes)] : [.. stored.ToTensor().ToArray<float>().SelectMany(BitConverter.GetBytes)]));
            }
            pickle.Op("u");
        }
        return CraftedZip.Checkpoint(pickle.Op("u").Bytes, [.. storages]);
    }
}
