using Diffract.Models;
using Diffract.Nn;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class BenchTests
{
    [Theory]
    [InlineData("full256", 552_814_086)] // the published checkpoint's
    [InlineData("small32", 11_066_310)]  // what bench/peer/adm_eager.py counts
    public void Nets_have_as_many_parameters_as_what_they_stand_for(string name, long parameters)
    {
        using var shapes = ParameterStore.From(new Dictionary<string, StoredTensor>());    // an empty checkpoint: every parameter is a stand-in of its shape
        _ = new UNet(shapes.Root, BenchNets.Config(name));
        Assert.Equal(parameters, shapes.Count);
    }

    [Fact]
    public void No_weight_is_left_at_zero()
    {
        using var store = ParameterStore.New(computeType: DType.BFloat16);
        BenchNets.Build(store, BenchNets.Config("small32"));
        using var scope = new TensorScope();
        Assert.All(store.Parameters.Where(p => p.Value.Dimensions > 1), p => Assert.True(p.Value.To(DType.Float32).Abs().Max().Item() > 0, p.Key));
        Assert.Equal(DType.BFloat16, store.Parameters["input_blocks.1.0.in_layers.2.weight"].DType);
        Assert.Equal(DType.Float32, store.Parameters["input_blocks.1.0.in_layers.0.weight"].DType);
    }

    [Fact]
    public void A_checkpoint_of_random_weights_can_be_loaded()
    {
        using var folder = new ScratchFolder();
        BenchNets.WriteCheckpoint(folder["random.safetensors"], BenchNets.Config("small32"), DType.BFloat16, seed: 1);
        using var loaded = UNetLoader.Open(folder["random.safetensors"], precision: DType.BFloat16);
        Assert.Equal(11_066_310, loaded.Store.Count);
    }

    [Fact]
    public void Extraction_is_measured_with_what_it_holds()
    {
        var sample = Bench.Extract(BenchNets.Config("small32"), block: 3, batch: 2, DType.BFloat16, repeat: 2);
        Assert.Equal(2, sample.SecondsPerPicture.Count);
        Assert.All(sample.SecondsPerPicture, seconds => Assert.True(seconds > 0));
        Assert.True(sample.WeightBytes is > 0 and < 4 * 11_066_310L, $"{sample.WeightBytes} bytes of weights");
        Assert.True(sample.PeakBytes is null || sample.PeakBytes > sample.WeightBytes);
    }

    [Fact]
    public void A_training_step_is_measured()
    {
        var config = BenchNets.Config("small32") with { ChannelMult = [1], NumResBlocks = 1, AttentionFactors = new HashSet<int>() };
        Assert.Single(Bench.Train(config, batch: 1, DType.Float32, repeat: 1).SecondsPerPicture);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_of_feedback_is_measured(bool recompute) =>
        Assert.Single(Bench.Feedback(TinyNet.Config, "bottleneck", block: 7, batch: 2, DType.BFloat16, repeat: 1, recompute).SecondsPerPicture);

    [Fact]
    public void Blocks_and_pools_read_on_the_way_are_measured() => Assert.All(Bench.Taps(TinyNet.Config, [10, 50], [3, 5], [1, 2], batch: 2, DType.Float32, repeat: 2).SecondsPerPicture, seconds => Assert.InRange(seconds, 1e-6, 10));

    [Fact]
    public void Pictures_are_written_and_their_decoding_is_measured()
    {
        using var folder = new TemporaryFolder();
        DecodeBench.WritePictures(folder["jpeg"], 3);

        Assert.Equal(3, Directory.GetFiles(folder["jpeg"], "*.jpg").Length);
        Assert.InRange(Assert.Single(DecodeBench.Measure(folder["jpeg"], 64, repeat: 1).SecondsPerPicture), 1e-6, 10);
    }

    [Fact]
    public void Neighbours_and_their_products_are_measured()
    {
        Assert.InRange(Assert.Single(NeighboursBench.Search(60, 7, 16, repeat: 1).SecondsPerPicture), 1e-9, 1);
        Assert.InRange(Assert.Single(NeighboursBench.Products(60, 7, 16, repeat: 1).SecondsPerPicture), 1e-9, 1);
    }

    [Fact]
    public void Random_weights_take_shape_and_schedule_from_a_checkpoint_or_its_flags_and_are_called_random()
    {
        using var folder = new ScratchFolder();
        BenchNets.WriteCheckpoint(folder["cosine.safetensors"], TinyNet.Config, DType.Float32, seed: 1, schedule: "cosine");
        File.WriteAllText(folder["net.json"], """{"image_size": 32, "num_channels": 32, "num_res_blocks": 1, "channel_mult": "1,2", "attention_resolutions": "16", "noise_schedule": "cosine"}""");

        using var loaded = UNetLoader.Open(folder["cosine.safetensors"]);
        Assert.EndsWith("random weights", loaded.Recognised.Description);
        Assert.Equal("cosine", BenchNets.Net(folder["cosine.safetensors"]).Schedule);
        Assert.Equal("cosine", BenchNets.Net(folder["net.json"]).Schedule);
        Assert.Equal([1, 2], BenchNets.Config(folder["net.json"]).ChannelMult);
    }
}
