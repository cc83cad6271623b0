using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Tests.Features;

public class FeatureExtractorTests
{
    [Fact]
    public void Features_do_not_depend_on_batch_order_or_neighbours()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());
        Torch.Torch.ManualSeed(5);
        var x = Aten.Rand([5, 3, 16, 16]) * 2.0 - 1.0;
        ContentHash[] hashes = [.. Enumerable.Range(0, 5).Select(i => new ContentHash((UInt128)i))];
        var extractor = new FeatureExtractor(tiny.Net, diffusion, TinyNet.Request with { Flip = true, Draws = 2 });

        var together = Extract(extractor, x, hashes);
        foreach (var i in (int[])[3, 0, 4])
        {
            var alone = Extract(extractor, x.Narrow(0, i, 1), [hashes[i]]);
            foreach (var (name, values) in alone)
            {
                var each = values.Length;
                var size = together[name].Max(Math.Abs);
                Assert.Equal(TinyNet.Request.Shape(name, tiny.Net.Layout).Aggregate((a, b) => a * b), each);
                for (var j = 0; j < each; j++)
                {
                    Assert.Equal(together[name][i * each + j], values[j], 1e-5f * size);
                }
            }
        }
        Assert.Equal(2 * 2 * 2 * 2 * 2, together.Count);                                   // t, blocks, pools, views, draws
    }

    [Fact]
    public void One_pass_serves_all_blocks_and_pools_and_stops_after_the_deepest()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());
        var request = TinyNet.Request with { T = [50], Blocks = [2, 4], Pools = [0, 2] };
        var maps = Extract(new(tiny.Net, diffusion, request), Aten.Ones([1, 3, 16, 16]), [new ContentHash(1)]);
        using var off = GradMode.Off();
        var noise = Aten.Empty([1, 3, 16, 16]);
        NoiseSource.Fill(noise.Span<float>(), 0, new ContentHash(1), 0, 0, 50);
        var t = Aten.Full([1], 50, DType.Int64);
        var direct = tiny.Net.ForwardFeatures(diffusion.QSample(Aten.Ones([1, 3, 16, 16]), t, noise), t, [2, 4]);

        Assert.Equal(direct[4].ToArray<float>(), maps[new(50, 4, 0)]);
        Assert.Equal(Aten.AdaptiveAvgPool2d(direct[2], 2).ToArray<float>(), maps[new(50, 2, 2)], (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void A_class_conditional_net_never_sees_a_class_unless_told()
    {
        using var scope = new TensorScope();
        using var tiny = new TinyNet(classes: 7);
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());
        var x = Aten.Ones([1, 3, 16, 16]);

        var without = Extract(new(tiny.Net, diffusion, TinyNet.Request), x, [default]);
        var five = Extract(new(tiny.Net, diffusion, TinyNet.Request with { Class = 5 }), x, [default]);

        Assert.NotEqual(without[new(50, 4, 1)], five[new(50, 4, 1)]);
        Assert.Throws<ArgumentException>(() => new FeatureExtractor(tiny.Net, diffusion, TinyNet.Request with { Class = 7 }));
    }

    [Fact]
    public void Requests_that_do_not_fit_name_every_fault()
    {
        using var tiny = new TinyNet();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());

        var error = Assert.Throws<ArgumentException>(() => new FeatureExtractor(tiny.Net, diffusion, TinyNet.Request with { T = [1000], Blocks = [4, 4], Height = 15, Draws = 0 }));

        Assert.Contains("0..999", error.Message);
        Assert.Contains("without repeats", error.Message);
        Assert.Contains("multiples of 2", error.Message);
        Assert.Contains("draws 0", error.Message);
    }

    static Dictionary<FeatureName, float[]> Extract(FeatureExtractor extractor, Tensor x, ContentHash[] hashes)
    {
        var maps = new Dictionary<FeatureName, float[]>();
        extractor.Extract(x, hashes, (name, map) => maps.Add(name, map.ToArray<float>()));
        return maps;
    }

    [Fact]
    public void Sizes_have_a_bound()
    {
        using var tiny = new TinyNet();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named("linear"));
        Assert.Contains("size 320000x16: expected at most 8192 pixels a side", Assert.Throws<ArgumentException>(() => new FeatureExtractor(tiny.Net, diffusion, TinyNet.Request with { Height = 320000 })).Message);
    }
}
