using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Nn;
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

        Assert.Contains("0 under 'model_feedback'", Assert.Throws<CheckpointException>(() => ReleasedHead.WithFeedback(head, [0])).Message);
    }

    // The released code keeps the steps in its list's order, and pairs maps, which come in the net's order, with its list of blocks.
    [Fact]
    public void Lists_that_are_not_ascending_mean_what_they_mean_in_the_released_code()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request with { Blocks = [5, 6], Pools = [0] }, folder["store"], new ExtractOptions());
        using var store = FeatureStore.Open(folder["store"]);
        Torch.Torch.ManualSeed(2);
        var reader = new AttentionConfig { Dim = 8, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(8) };
        var classes = store.Manifest.ClassNames.Count;
        using var weights = ParameterStore.New();
        FeatureSpec[] blocks = [new(5, 64, 8, 8), new(6, 64, 8, 8)];
        var straight = (reader with { Ts = [50, 200], Blocks = blocks, Classes = classes }).Build(weights.Root);
        // As if it had been trained with --t_list 200 50 --first_fw_b_list 6 5: tokeniser 6 has seen block 5, and the first columns of the last layer step 200.
        var saved = weights.All.Select(pair => pair.Key switch
        {
            "head.weight" => Aten.Cat([pair.Value.Narrow(1, 8, 8), pair.Value.Narrow(1, 0, 8)], 1).ToEntry("model_head.module." + pair.Key),
            var name => pair.Value.ToEntry("model_head.module." + name.Replace("pre_layer.5.", "pre_layer.x.").Replace("pre_layer.6.", "pre_layer.5.").Replace("pre_layer.x.", "pre_layer.6.")),
        });
        using (GradMode.Off())
        {
            SafetensorsWriter.Write(folder["latest.pth"], saved.ToList(), new Dictionary<string, string>());
        }

        ImportHead.Run(folder["latest.pth"], reader, store, [200, 50], [6, 5], folder["head.safetensors"]);

        using var imported = TrainedHead.Open(folder["head.safetensors"]);
        using var off = GradMode.Off();
        var maps = new[] { 50, 200 }.SelectMany(t => blocks.Select(b => new FeatureKey(t, b.Block))).ToDictionary(key => key, _ => Aten.Randn([3, 64, 8, 8]));
        Assert.Equal(straight.Forward(maps, training: false).ToArray<float>(), imported.Head.Forward(maps, training: false).ToArray<float>());
    }

    // A head without Insert_CLS_Token has a CLS token in the file all the same; the list's first block lies before the decoder, so that its layers are never used.
    [Fact]
    public void What_the_released_code_saves_and_does_not_use_is_left_out()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var weights = ParameterStore.New();
        var layout = tiny.Net.Layout;
        var reader = AttentionConfig.FromLayerString("Use_CLS_Token:True:8,Attention:8:2:4:1,FullyPool") with { Tokens = new TokenConfig.Projected(4) };
        var config = new FeedbackHeadConfig { Net = TinyNet.Config, ReadBlocks = [7], FirstReadBlocks = [5], Reader = reader, Feedback = FeedbackConfig.Of(FeedbackStrategy.Parse("6,8"), layout) };
        var whole = config.Complete([50], [.. config.FirstPassBlocks.Select(b => FeatureSpec.Of(layout, b, 16, 16))], 10);
        whole.Build(weights.Root);
        var head = weights.All.Where(pair => !pair.Key.StartsWith("feedback_layers.")).Select(pair => pair.Value.ToEntry("model_head." + pair.Key));
        var fed = weights.All.Where(pair => pair.Key.StartsWith("feedback_layers.")).Select(pair => pair.Key.Split('.', 3) is var name ? pair.Value.ToEntry($"model_feedback.{int.Parse(name[1]) + 1}.{name[2]}") : null!);
        using (GradMode.Off())
        {
            SafetensorsWriter.Write(folder["latest.pth"],
            [
                .. head, .. fed, Aten.Zeros([1, 1, 8]).ToEntry("model_head.intra_inter_block_attention.cls_token"), Aten.Zeros([64, 64, 1, 1]).ToEntry("model_feedback.0.0.weight"),
            ], new Dictionary<string, string>());
        }

        var understood = ImportHead.Run(folder["latest.pth"], config, Request with { T = [50], Blocks = [7], Height = 16, Width = 16 }, tiny.Backbone, Classes, folder["head.safetensors"],
            new ReleasedLists([50], [7]) { Feedback = [5, 6, 8] });

        Assert.Equal(whole.ParameterCount(), understood.ParameterCount());
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
