using System.Globalization;
using System.Text.Json;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests.Models;

public class UNetTests
{
    static UNetConfig Config(Golden golden) => UNetConfig.Parse(golden.Description.GetProperty("create_model"), "create_model");

    [Fact]
    public void UNet_matches_guided_diffusion_after_every_block()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("unet");
        using var store = golden.Store("model.safetensors");
        var net = new UNet(store.Root, Config(golden));
        store.Verify("model.safetensors");
        using var off = GradMode.Off();
        var (x, t) = (golden.Input("x"), golden.Input("timesteps"));

        golden.Check("t_emb", net.TimeEmbedding(t));
        var features = net.ForwardFeatures(x, t, [.. Enumerable.Range(1, net.Last)]);
        Assert.Equal(golden.Description.GetProperty("total_blocks").GetInt32(), features.Count);
        foreach (var (b, map) in features)
        {
            golden.Check($"block/{b:00}", map);
        }
        golden.Check("out", net.Forward(x, t));
    }

    // The sums of weight gradients cancel: in float32 their last digits depend on the order in which a processor adds, so float64 checks them.
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void UNet_gradients_match_guided_diffusion(DType type)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("unet");
        using var gradients = Golden.Load("unet_grad");
        using var store = ParameterStore.From(golden["model.safetensors"].StateDict(), type);
        var net = new UNet(store.Root, Config(golden));
        store.RequireGrad(true);
        var x = golden.Input("x").To(type);
        x.RequiresGrad = true;

        var loss = (net.Forward(x, golden.Input("timesteps")) * gradients.Input("R")).Mean();
        loss.Backward();

        void Check(string name, Tensor value) => gradients.Check("grads.safetensors", name, value.To(DType.Float32));
        Check("loss", loss);
        Check("grad_x", x.Grad!);
        foreach (var (name, parameter) in store.Parameters)
        {
            using var step = new TensorScope();
            var grad = parameter.Grad!;
            if (gradients.Has("grads.safetensors", $"grad/{name}"))
            {
                Check($"grad/{name}", grad);
                continue;
            }
            Check($"gradnorm/{name}", grad.Norm());
            Check($"gradhead64/{name}", grad.Flatten().Narrow(0, 0, 64));
            if (type == DType.Float64)
            {
                Check($"gradsum/{name}", grad.Sum());
            }
        }
    }

    [Fact]
    public void UNet_built_up_to_a_block_gives_the_same_features_and_reads_no_more()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("unet");
        using var store = golden.Store("model.safetensors");
        var net = new UNet(store.Root, Config(golden), last: 12);
        using var off = GradMode.Off();

        var map = net.ForwardFeatures(golden.Input("x"), golden.Input("timesteps"), [12])[12];

        golden.Check("block/12", map);
        Assert.DoesNotContain("output_blocks.2.0.in_layers.0.weight", store.Parameters.Keys);
        Assert.Contains("output_blocks.1.0.in_layers.0.weight", store.Parameters.Keys);
    }

    [Theory]
    [InlineData("adm256_uncond")]
    [InlineData("adm512_cond")]
    [InlineData("adm64_cond")]
    public void UNetShapes_equal_the_published_checkpoints(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Golden.PathOf("checkpoint_layout", name + ".json")));
        var layout = new UNetLayout(UNetConfig.Parse(Flags(document.RootElement.GetProperty("flags").GetString()!), name));
        var wanted = document.RootElement.GetProperty("state_dict").EnumerateObject().Select(p => $"{p.Name} {p.Value}".Replace(", ", ",")).ToList();

        var actual = UNetShapes.Parameters(layout).Select(p => $"{p.Name} [{string.Join(",", p.Shape)}]").ToList();

        Assert.Equal(wanted.Order(), actual.Order());
        Assert.Equal(document.RootElement.GetProperty("n_params").GetInt64(), UNetShapes.Parameters(layout).Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b)));
        foreach (var (block, want) in layout.Blocks.Zip(document.RootElement.GetProperty("blocks").EnumerateArray()))
        {
            Assert.Equal(want.GetProperty("module").GetString(), block.Module);
            Assert.Equal(want.GetProperty("channels").GetInt32(), block.OutChannels);
            Assert.Equal(want.GetProperty("height").GetInt32(), layout.Config.ImageSize / block.OutStride);
        }
    }

    // ATen takes a map of one picture for channels-first where the stride of its only picture is not a whole map; the kernels would then be left out.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Maps_lie_channels_last_whatever_the_batch(int batch)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var tiny = new TinyNet();
        var seen = 0;
        tiny.Net.Run(Aten.Randn([batch, 3, 16, 16]), Aten.Full([batch], 50, DType.Int64), null, tiny.Net.Layout.Blocks.Count, (block, map) =>
        {
            var (c, h, w) = (map.Size(1), map.Size(2), map.Size(3));
            Assert.Equal([h * w * c, 1, w * c, c], map.Strides.ToArray());
            seen++;
            return map;
        });
        Assert.Equal(tiny.Net.Layout.Blocks.Count, seen);
    }

    [Fact]
    public void UNetShapes_count_the_multiply_adds_of_the_256_net()
    {
        var config = new UNetConfig();
        var layout = new UNetLayout(config);

        double Giga(int last) => layout.Blocks.Take(last).Sum(b => UNetShapes.MultiplyAdds(b, config, 256, 256)) / 1e9;

        Assert.Equal(290.1, Giga(19), 0.1);
        Assert.Equal(319.6, Giga(24), 0.1);
        Assert.Equal(460.7, Giga(30), 0.1);
        Assert.Equal(1119.8, Giga(37) + UNetShapes.OutputMultiplyAdds(config, 256, 256) / 1e9, 0.1);
    }

    static JsonElement Flags(string text)
    {
        var words = text.Split(' ');
        var pairs = words.Chunk(2).ToDictionary(pair => pair[0][2..], pair => pair[1] switch
        {
            "True" => (object)true,
            "False" => false,
            var word when int.TryParse(word, out var number) => number,
            var word when double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            var word => word,
        });
        return JsonSerializer.SerializeToElement(pairs);
    }
}
