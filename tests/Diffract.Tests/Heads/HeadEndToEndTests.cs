using Diffract.Diffusion;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

/// <summary>The whole chain on a small net: picture, noise, U-Net, head, loss, gradients, a training step.</summary>
public class HeadEndToEndTests
{
    [Theory]
    [InlineData("linear_e2e")]
    [InlineData("attention_e2e")]
    [InlineData("difform_e2e")]
    public void Training_a_head_on_a_frozen_net_matches_the_released_code(string fixture)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load(fixture);
        using var store = golden.Store("head.safetensors");
        var config = HeadGolden.Config(golden);
        var head = config.Build(store.Root);
        store.Verify(fixture);
        store.RequireGrad(true);
        var maps = Features(golden, config);
        using (GradMode.Off())
        {
            golden.Check("logits_eval", head.Forward(maps, training: false));
        }
        var sgd = golden.Description.GetProperty("sgd");
        using var optimizer = new Sgd([new([.. store.Parameters.Values], WeightDecay: sgd.GetProperty("weight_decay").GetDouble())]) { LearningRate = sgd.GetProperty("lr").GetDouble() };

        var logits = head.Forward(maps, training: true);
        var loss = Aten.CrossEntropy(logits, golden.Input("labels"));
        loss.Backward();

        golden.Check("logits", logits);
        golden.Check("loss", loss);
        foreach (var (name, parameter) in store.Parameters.Where(pair => pair.Value.Elements <= 2048 || golden.Has("outputs.safetensors", $"grad/head.{pair.Key}")))
        {
            golden.Check($"grad/head.{name}", parameter.Grad!);
        }
        optimizer.Step(0);
        foreach (var (name, tensor) in store.All.Where(pair => pair.Value.Elements <= 2048 || golden.Has("outputs.safetensors", $"after_sgd1/head.{pair.Key}")))
        {
            golden.Check($"after_sgd1/head.{name}", tensor);
        }
        golden.Check("logits_train_after", head.Forward(maps, training: true));
    }

    static Dictionary<FeatureKey, Tensor> Features(Golden golden, HeadConfig config)
    {
        using var unet = Golden.Load("unet");
        using var weights = unet.Store("model.safetensors");
        var net = new UNet(weights.Root, UNetConfig.Parse(golden.Description.GetProperty("create_model"), "create_model"));
        weights.Verify("model.safetensors");
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(golden.Description.GetProperty("diffusion").GetProperty("noise_schedule").GetString()!));
        using var off = GradMode.Off();
        var x = golden.Input("x");
        var maps = new Dictionary<FeatureKey, Tensor>();
        foreach (var (i, t) in config.Ts.Index())
        {
            var steps = Aten.Full([x.Size(0)], t, DType.Int64);
            var noised = diffusion.QSample(x, steps, golden.Input($"noise/{i}"));
            golden.Check($"x_t/{i}", noised);
            foreach (var (block, map) in net.ForwardFeatures(noised, steps, [.. config.Blocks.Select(b => b.Block)]))
            {
                Assert.Equal(FeatureSpec.Of(net.Layout, block, 32, 32), config.Blocks.Single(b => b.Block == block));
                if (golden.Has("outputs.safetensors", $"first/{i}/{block}"))
                {
                    golden.Check($"first/{i}/{block}", map);
                }
                maps.Add(new(t, block), map);
            }
        }
        return maps;
    }
}
