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

    /// <param name="net">Built at least as far as the deepest block asked for.</param> <param name="diffusion">Of the schedule that the net was trained with.</param>
    /// <exception cref="ArgumentException">The request does not fit the net.</exception>
    public FeatureExtractor(UNet net, GaussianDiffusion diffusion, FeatureRequest request)
    {
        request.Check(net.Layout, diffusion.Steps);
        (_net, _diffusion, Request) = (net, diffusion, request);
    }

    public FeatureRequest Request { get; }

    public UNetLayout Layout => _net.Layout;

    /// <summary>The net's.</summary>
    public Device Device => _net.Device;

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
        var input = Noised(view == 1 ? x0.Flip(3) : x0, [.. hashes.Select(hash => new PictureNoise(hash, view, draw))], t);
        _net.Run(input.X, input.T, input.Y, Request.Blocks[^1], (b, h) =>
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

    /// <summary>What the net is given at one step: pictures with the noise that belongs to them.</summary>
    /// <param name="x0">(N, 3, H, W) in [-1, 1], in the host's memory, each as its view shows it.</param> <param name="noise">Of the N pictures.</param> <param name="t">The step, from 0.</param>
    public NetInput Noised(Tensor x0, IReadOnlyList<PictureNoise> noise, int t)
    {
        using var scope = new TensorScope();
        var n = x0.Size(0);
        var steps = Aten.Full([n], t, DType.Int64, _net.Device);
        var xt = _diffusion.QSample(x0.To(_net.Device), steps, Noise(x0.Shape, noise, t).To(_net.Device));
        var y = Request.Class is { } label ? scope.Return(Aten.Full([n], label, DType.Int64, _net.Device)) : null;
        return new(scope.Return(xt), scope.Return(steps), y);
    }

    Tensor Noise(long[] shape, IReadOnlyList<PictureNoise> pictures, int t)
    {
        var noise = Aten.Empty(shape);
        var values = noise.Data;
        var each = (int)(shape[1] * shape[2] * shape[3]);
        Parallel.For(0, pictures.Count, i =>
        {
            unsafe
            {
                var (picture, view, draw) = pictures[i];
                NoiseSource.Fill(new Span<float>((float*)values + (long)i * each, each), Request.Seed, picture, view, draw, t);
            }
        });
        return noise;
    }
}

/// <summary>What a picture's noise follows from, beside the seed and the step; see <see cref="NoiseSource"/>.</summary>
public readonly record struct PictureNoise(ContentHash Picture, int View, int Draw);

/// <summary>What a U-Net takes.</summary>
/// <param name="X">Noised pictures, (N, 3, H, W).</param> <param name="T">(N) int64.</param> <param name="Y">Classes, (N) int64; null leaves the class embedding out.</param>
public readonly record struct NetInput(Tensor X, Tensor T, Tensor? Y);
