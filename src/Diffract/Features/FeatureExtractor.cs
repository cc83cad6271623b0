using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Features;

/// <summary>Pictures to pooled maps: one pass of the net for each (picture, view, draw, t) serves all blocks and pools.</summary>
public sealed class FeatureExtractor
{
    readonly UNet _net;
    readonly GaussianDiffusion _diffusion;
    readonly Device _device;

    /// <param name="net">Built at least as far as the deepest block asked for.</param> <param name="diffusion">Of the schedule that the net was trained with.</param>
    /// <exception cref="ArgumentException">The request does not fit the net.</exception>
    public FeatureExtractor(UNet net, GaussianDiffusion diffusion, FeatureRequest request, Device? device = null)
    {
        request.Check(net.Layout, diffusion.Steps);
        (_net, _diffusion, Request, _device) = (net, diffusion, request, device ?? Device.Cpu);
    }

    public FeatureRequest Request { get; }

    public UNetLayout Layout => _net.Layout;

    /// <summary>All maps of a batch.</summary>
    /// <param name="x0">(N, 3, H, W) in [-1, 1], in the host's memory.</param>
    /// <param name="hashes">Of the N pictures' files.</param>
    /// <param name="take">Called with each map, (N, C, h, w) float32 in the host's memory; valid during the call only.</param>
    public void Extract(Tensor x0, IReadOnlyList<ContentHash> hashes, Action<FeatureName, Tensor> take)
    {
        for (var view = 0; view < Request.Views; view++)
        {
            for (var draw = 0; draw < Request.Draws; draw++)
            {
                foreach (var t in Request.T)
                {
                    Extract(x0, hashes, view, draw, t, take);
                }
            }
        }
    }

    /// <summary>The maps of one view, draw and step: one pass of the net.</summary>
    /// <inheritdoc cref="Extract(Tensor, IReadOnlyList{ContentHash}, Action{FeatureName, Tensor})"/>
    public void Extract(Tensor x0, IReadOnlyList<ContentHash> hashes, int view, int draw, int t, Action<FeatureName, Tensor> take)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var n = x0.Size(0);
        var seen = (view == 1 ? x0.Flip(3) : x0).To(_device);
        var steps = Aten.Full([n], t, DType.Int64, _device);
        var xt = _diffusion.QSample(seen, steps, Noise(x0.Shape, hashes, view, draw, t).To(_device));
        var y = Request.Class is { } label ? Aten.Full([n], label, DType.Int64, _device) : null;
        _net.Run(xt, steps, y, Request.Blocks[^1], (b, h) =>
        {
            if (Request.Blocks.Contains(b))
            {
                foreach (var pool in Request.Pools)
                {
                    using var inner = new TensorScope();
                    take(new(t, b, pool, view, draw), Pooling.Average(h, pool).To(Device.Cpu));
                }
            }
            return h;
        });
    }

    Tensor Noise(long[] shape, IReadOnlyList<ContentHash> hashes, int view, int draw, int t)
    {
        var noise = Aten.Empty(shape);
        var values = noise.Data;
        var each = (int)(shape[1] * shape[2] * shape[3]);
        Parallel.For(0, hashes.Count, i =>
        {
            unsafe
            {
                NoiseSource.Fill(new Span<float>((float*)values + (long)i * each, each), Request.Seed, hashes[i], view, draw, t);
            }
        });
        return noise;
    }
}
