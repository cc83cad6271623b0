using System.Text.Json;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;

namespace Diffract.Tests.Models;

public class UNetRecognizerTests
{
    static readonly UNetConfig Small = new()
    {
        ImageSize = 32, OutChannels = 3, ModelChannels = 32, ChannelMult = [1, 1, 2], NumResBlocks = 1, AttentionFactors = new HashSet<int> { 2, 4 }, NumHeadChannels = 32,
    };

    static IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes(UNetConfig config) =>
        UNetShapes.Parameters(new UNetLayout(config)).ToDictionary(p => p.Name, p => (IReadOnlyList<long>)p.Shape);

    /// <summary>The flags that shapes show, with the others made equal.</summary>
    static string Visible(UNetConfig config) => (config with
    {
        ImageSize = 512, NumHeads = 1, NumHeadsUpsample = null, NumHeadChannels = null, NewAttentionOrder = false, Dropout = 0,
        ResblockUpdown = config.ResblockUpdown || config.Levels == 1,
    }).ToJson().ToJsonString();

    [Theory]
    [InlineData("adm256_uncond", "256x256_diffusion_uncond")]
    [InlineData("adm512_cond", "512x512_diffusion")]
    [InlineData("adm64_cond", "64x64_diffusion")]
    public void Published_checkpoints_are_recognised_by_their_shapes(string layout, string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", layout + ".json")));
        var shapes = document.RootElement.GetProperty("state_dict").EnumerateObject()
            .ToDictionary(p => p.Name, p => (IReadOnlyList<long>)[.. p.Value.EnumerateArray().Select(v => v.GetInt64())]);

        var config = UNetRecognizer.FromShapes(shapes, layout);

        var published = PublishedModels.Find(name)!.Config!;
        Assert.Equal(Visible(published), Visible(config));
        Assert.Equal(published.ImageSize, config.ImageSize);
    }

    [Fact]
    public void All_published_configurations_come_back_from_their_shapes()
    {
        foreach (var model in PublishedModels.All.Where(m => m.Config is not null))
        {
            var config = UNetRecognizer.FromShapes(Shapes(model.Config!), model.Name);

            Assert.Equal((model.Name, Visible(model.Config!)), (model.Name, Visible(config)));
        }
    }

    public static TheoryData<string> Variants => [.. Variant.Keys];

    static readonly Dictionary<string, UNetConfig> Variant = new()
    {
        ["plain"] = Small,
        ["no scale-shift"] = Small with { ScaleShiftNorm = false },
        ["plain up and down"] = Small with { ResblockUpdown = false },
        ["class-conditional"] = Small with { Classes = 7 },
        ["learned variance"] = Small with { OutChannels = 6 },
        ["six input channels"] = Small with { InChannels = 6 },
        ["no attention but in the middle"] = Small with { AttentionFactors = new HashSet<int>() },
        ["attention at full size only"] = Small with { AttentionFactors = new HashSet<int> { 1 } },
        ["one level"] = Small with { ChannelMult = [1], AttentionFactors = new HashSet<int>() },
        ["one level with attention"] = Small with { ChannelMult = [2], AttentionFactors = new HashSet<int> { 1 } },
        ["narrow first level"] = Small with { ModelChannels = 64, ChannelMult = [0.5, 1, 2], NumResBlocks = 3 },
        ["factors that are no binary fractions"] = Small with { ModelChannels = 96, ChannelMult = [1, 160 / 96.0, 2] },
        ["plain up and down without attention"] = Small with { ResblockUpdown = false, AttentionFactors = new HashSet<int>() },
    };

    [Theory]
    [MemberData(nameof(Variants))]
    public void Every_kind_of_net_comes_back_from_its_shapes(string variant)
    {
        var config = Variant[variant];

        var recognised = UNetRecognizer.FromShapes(Shapes(config), variant);

        Assert.Equal(Visible(config), Visible(recognised));
        Assert.Equal(Shapes(config).Select(p => $"{p.Key} {string.Join(",", p.Value)}"), Shapes(recognised).Select(p => $"{p.Key} {string.Join(",", p.Value)}"));
    }

    [Fact]
    public void Attention_on_the_output_side_alone_is_named_and_no_crash()
    {
        using var scratch = new ScratchFolder();
        var path = Write(scratch, Small, keep: name => !(name.StartsWith("input_blocks") && name.Split('.')[2] == "1"));

        var error = Assert.Throws<CheckpointException>(() => UNetLoader.Open(path));

        Assert.Contains("missing: input_blocks.3.1.norm.weight", error.Message);
    }

    [Fact]
    public void Unknown_nets_come_with_their_assumptions()
    {
        using var scratch = new ScratchFolder();
        using var file = CheckpointFile.Open(Write(scratch, Small));

        var net = UNetRecognizer.Recognise(file);

        Assert.Null(net.Published);
        Assert.Equal(4, net.Assumptions.Count);
        Assert.Contains("num_heads 4", net.Assumptions[0]);
        Assert.Equal("linear", net.Schedule);
    }

    [Fact]
    public void A_configuration_file_says_what_shapes_do_not()
    {
        using var scratch = new ScratchFolder();
        var config = Small with { NumHeadChannels = 32, NewAttentionOrder = true, Classes = 7 };
        File.WriteAllText(scratch["net.json"], """
            {"image_size": 32, "num_channels": 32, "num_res_blocks": 1, "channel_mult": "1,1,2", "attention_resolutions": "16,8", "num_head_channels": 32, "class_cond": true,
             "use_new_attention_order": true, "resblock_updown": true, "noise_schedule": "cosine", "diffusion_steps": 4000, "rescale_timesteps": true}
            """);
        using var file = CheckpointFile.Open(Write(scratch, config));

        var net = UNetRecognizer.Recognise(file, scratch["net.json"]);

        Assert.Equal(config.ToJson().ToJsonString(), net.Config.ToJson().ToJsonString());
        Assert.Equal(("cosine", 4000, 0.25), (net.Schedule, net.Steps, net.TimestepScale));
        Assert.Empty(net.Assumptions);
    }

    [Fact]
    public void A_configuration_file_that_disagrees_is_refused_with_the_flags()
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(scratch["net.json"], """{"image_size": 32, "num_channels": 32, "num_res_blocks": 2, "channel_mult": "1,1,2", "attention_resolutions": "16"}""");
        using var file = CheckpointFile.Open(Write(scratch, Small));

        var error = Assert.Throws<UNetConfigException>(() => UNetRecognizer.Recognise(file, scratch["net.json"]));

        Assert.Contains("num_res_blocks is 2, the weights say 1", error.Message);
        Assert.Contains("attention_resolutions is 16, the weights say 16,8", error.Message);
        Assert.Contains("resblock_updown is false, the weights say true", error.Message);
    }

    [Fact]
    public void Nets_of_this_program_carry_their_configuration()
    {
        using var scope = new TensorScope();
        using var scratch = new ScratchFolder();
        using var store = ParameterStore.New();
        _ = new UNet(store.Root, Small);
        UNetFile.Write(scratch["model.safetensors"], Small, "cosine", store.ToEntries());

        using var loaded = UNetLoader.Open(scratch["model.safetensors"]);

        Assert.Equal(Small.ToJson().ToJsonString(), loaded.Config.ToJson().ToJsonString());
        Assert.Equal("cosine", loaded.Recognised.Schedule);
        Assert.Equal(64, loaded.Fingerprint.Length);
    }

    [Fact]
    public void A_classifier_is_called_one()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", "classifier256.json")));
        var names = document.RootElement.GetProperty("state_dict").EnumerateObject().Select(p => p.Name).ToList();

        Assert.Equal(CheckpointFamily.Classifier, CheckpointKind.Of(names).Family);
    }

    [Fact]
    public void Other_weights_are_refused_with_what_they_are()
    {
        var error = Assert.Throws<CheckpointException>(() => UNetLoader.Open(Golden.PathOf("head_attention_string", "head.safetensors")));

        Assert.Contains("an attention head", error.Message);
    }

    [Fact]
    public void Heads_that_do_not_divide_the_channels_are_refused()
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(scratch["net.json"], """
            {"image_size": 32, "num_channels": 32, "num_res_blocks": 1, "channel_mult": "1,1,2", "attention_resolutions": "16,8", "num_heads": 3, "resblock_updown": true}
            """);
        using var file = CheckpointFile.Open(Write(scratch, Small));

        Assert.Contains("3 heads", Assert.Throws<UNetConfigException>(() => UNetRecognizer.Recognise(file, scratch["net.json"])).Message);
    }

    [Fact]
    public void Damaged_shapes_end_in_an_error_or_a_configuration_never_otherwise()
    {
        var random = new Random(3);
        var whole = Shapes(Small with { Classes = 3 }).ToList();
        var refused = 0;
        for (var round = 0; round < 300; round++)
        {
            var shapes = whole.Where(_ => random.Next(40) != 0).ToDictionary(p => p.Key, p => p.Value);
            foreach (var name in shapes.Keys.Where(_ => random.Next(20) == 0).ToList())
            {
                shapes[name] = [.. Enumerable.Range(0, random.Next(6)).Select(_ => random.NextInt64(-1, random.Next(2) == 0 ? 300 : long.MaxValue))];
            }
            try
            {
                _ = new UNetLayout(UNetRecognizer.FromShapes(shapes, "damaged"));
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 299);
    }

    /// <summary>Zeros under a net's names.</summary>
    static string Write(ScratchFolder scratch, UNetConfig config, Func<string, bool>? keep = null)
    {
        SafetensorsWriter.Write(scratch["net.safetensors"], UNetShapes.Parameters(new UNetLayout(config)).Where(p => keep?.Invoke(p.Name) ?? true)
            .Select(p => SafetensorsEntry.Of(p.Name, p.Shape, new float[p.Shape.Aggregate(1L, (a, b) => a * b)])));
        return scratch["net.safetensors"];
    }

    [Fact]
    public void A_configuration_file_that_is_not_there_or_has_heads_of_no_channels_is_refused()
    {
        using var scratch = new ScratchFolder();
        using var file = CheckpointFile.Open(Write(scratch, Small));
        File.WriteAllText(scratch["zero.json"], """{"image_size": 32, "num_channels": 32, "channel_mult": "1,1,2", "num_head_channels": 0}""");

        Assert.Equal($"{scratch["none.json"]}: there is no such file; expected a JSON file of guided-diffusion's flags", Assert.Throws<UNetConfigException>(() => UNetRecognizer.Recognise(file, scratch["none.json"])).Message);
        Assert.Contains("num_head_channels is 0, expected an integer in 1..65536", Assert.Throws<UNetConfigException>(() => UNetRecognizer.Recognise(file, scratch["zero.json"])).Message);
    }

    [Fact]
    public void A_part_of_a_file_without_parts_is_refused_with_what_to_do()
    {
        using var scratch = new ScratchFolder();
        using var file = CheckpointFile.Open(Write(scratch, Small));
        Assert.Contains("leave out what follows the '#'", Assert.Throws<CheckpointException>(() => UNetLoader.Weights(file, "a")).Message);
    }
}
