using Diffract.Diffusion;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Models;

/// <summary>
/// The U-Net of ADM (Dhariwal and Nichol 2021, "guided diffusion"), with taps after its blocks.
/// Parameters carry the names of the published checkpoints.
/// </summary>
public sealed class UNet
{
    readonly Linear _time1, _time2;
    readonly Tensor? _labels;
    readonly UNetModule[][] _blocks;
    readonly GroupNorm? _outNorm;
    readonly Conv2d? _outConv;

    /// <param name="p">Where its parameters are, or are to be made.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="last">The deepest block that will be asked for: those after it are neither made nor read. Null: all, and the output layers.</param>
    public UNet(Params p, UNetConfig config, int? last = null)
    {
        Layout = new UNetLayout(config);
        Last = last ?? Layout.Blocks.Count;
        if (Last < 1 || Last > Layout.Blocks.Count)
        {
            throw new ArgumentOutOfRangeException(nameof(last), $"block {Last}: this net has blocks 1 to {Layout.Blocks.Count}");
        }
        (ComputeType, Device) = (p.Store.ComputeType, p.Store.Device);
        _time1 = new(p["time_embed"][0], config.ModelChannels, config.TimeEmbeddingWidth, full: true);
        _time2 = new(p["time_embed"][2], config.TimeEmbeddingWidth, config.TimeEmbeddingWidth, full: true);
        _labels = config.Classes is { } classes ? p["label_emb"].GetFull("weight", [classes, config.TimeEmbeddingWidth], Inits.Normal(1)) : null;
        _blocks = [.. Layout.Blocks.Take(Last).Select(block => block.Layers.Select((layer, i) => Module(Inner(p, block)[i], layer)).ToArray())];
        if (last is null)
        {
            _outNorm = new(p["out"][0], config.Width(0));
            _outConv = new(p["out"][2], config.Width(0), config.OutChannels, 3, init: Inits.Zeros);
        }
    }

    public UNetLayout Layout { get; }
    public UNetConfig Config => Layout.Config;

    /// <summary>The deepest block that is there.</summary>
    public int Last { get; }

    /// <summary>The type of the maps: float32 or bfloat16. Norms and softmax compute in float32 either way.</summary>
    public DType ComputeType { get; init; }

    /// <summary>Where its weights are, and its inputs have to be.</summary>
    public Device Device { get; }

    /// <summary>Switches the dropout that the configuration names on; off at first.</summary>
    public bool Training
    {
        set
        {
            foreach (var block in _blocks.SelectMany(layers => layers).OfType<ResBlock>())
            {
                block.Dropout = value ? Config.Dropout : 0;
            }
        }
    }

    /// <summary>
    /// Where gradients are recorded, keeps the inputs of each block alone and computes the block once more in the backward pass: about a third more time, and
    /// memory for one map a block in place of all that its layers keep. It cannot be combined with dropout.
    /// </summary>
    public bool Recompute { get; set; }

    /// <summary>Called after each block with its number (from 1) and output (N, C, H, W); what it returns goes on, to the next block and to the skip connection.</summary>
    public delegate Tensor BlockHook(int block, Tensor output);

    /// <summary>Predicts the noise (and, with 6 output channels, the variance's interpolation).</summary>
    /// <param name="x">(N, C_in, H, W), sides multiples of the net's stride.</param>
    /// <param name="t">(N), steps from 0, whole or fractional.</param>
    /// <param name="y">(N) int64, classes; null leaves the class embedding out.</param>
    /// <returns>(N, C_out, H, W) float32.</returns>
    public Tensor Forward(Tensor x, Tensor t, Tensor? y = null, BlockHook? hook = null)
    {
        if (_outNorm is null || _outConv is null)
        {
            throw new InvalidOperationException($"this net was built up to block {Last} only, so it has no output; build it without `last`");
        }
        using var scope = new TensorScope();
        var h = Run(x, t, y, Last, hook);
        return scope.Return(_outConv.Forward(_outNorm.ForwardSilu(h.To(ComputeType.Full()))));
    }

    /// <summary>Runs the net as far as the deepest of the given blocks.</summary>
    /// <param name="x">As for <see cref="Forward"/>.</param> <param name="t">As for <see cref="Forward"/>.</param>
    /// <param name="blocks">Numbers from 1.</param> <param name="y">As for <see cref="Forward"/>.</param>
    /// <returns>Each block's output, (N, C, H, W) in <see cref="ComputeType"/>, in the order of <paramref name="blocks"/>.</returns>
    public IReadOnlyDictionary<int, Tensor> ForwardFeatures(Tensor x, Tensor t, IReadOnlyCollection<int> blocks, Tensor? y = null)
    {
        using var scope = new TensorScope();
        var taps = new Dictionary<int, Tensor>();
        Run(x, t, y, blocks.Max(), (b, h) =>
        {
            if (blocks.Contains(b))
            {
                taps[b] = h.Alias().Keep();
            }
            return h;
        });
        return blocks.Distinct().ToDictionary(b => b, b => scope.Adopt(taps[b]));
    }

    /// <summary>The one pass: blocks 1 to <paramref name="last"/>, the hook after each. Returns the last one's output.</summary>
    public Tensor Run(Tensor x, Tensor t, Tensor? y, int last, BlockHook? hook)
    {
        CheckInput(x, t);
        return Run(UNetState.Start(x), t, y, last, hook);
    }

    /// <summary>The same from where another pass stood: with <paramref name="from"/>'s next block first. What it holds stays its owner's.</summary>
    /// <exception cref="ArgumentException">It lacks an output that the blocks to come need.</exception>
    public Tensor Run(UNetState from, Tensor t, Tensor? y, int last, BlockHook? hook)
    {
        if (last > Last || last < from.Block)
        {
            throw new ArgumentOutOfRangeException(nameof(last), $"block {last}: this net was built up to block {Last}, and the pass stands after block {from.Block}");
        }
        using var scope = new TensorScope();
        var emb = TimeEmbedding(t, y).Silu();                                              // (N, E)
        var skips = new Stack<Tensor>(from.Skips(Layout, last).Select(skip => skip.Alias()));
        var h = ChannelsLast ? from.Output.ChannelsLast() : from.Output.Alias();
        for (var b = from.Block + 1; b <= last; b++)
        {
            var input = h;
            if (b > Layout.Middle.Number)
            {
                using var skip = skips.Pop();
                input = Aten.Cat([h, skip], dimension: 1);                                 // (N, C + C_skip, H, W)
            }
            var output = Block(b, input, emb);
            var next = hook?.Invoke(b, output) ?? output;
            Free(input, h, output, next, skips);
            h = next;
            if (b < Layout.Middle.Number && Layout.SkipIsUsed(b, last))
            {
                skips.Push(h);
            }
        }
        return scope.Return(h);
    }

    /// <summary>The embedding that every residual block gets, before its SiLU: (N, 4 model channels), float32.</summary>
    public Tensor TimeEmbedding(Tensor t, Tensor? y = null)
    {
        using var scope = new TensorScope();
        var emb = _time2.Forward(_time1.Forward(TimestepEmbedding.Sinusoid(t, Config.ModelChannels).To(ComputeType.Full())).Silu());
        if (y is not null)
        {
            emb = emb + Aten.Embedding(_labels ?? throw new ArgumentException("labels were given to a net without classes", nameof(y)), y);
        }
        return scope.Return(emb);
    }

    // Channels innermost is the faster layout. Float32 gradients keep the other one: their sums come out about twice as exact there.
    bool ChannelsLast => ComputeType is not (DType.Float32 or DType.Float64) || !GradMode.IsOn;

    Tensor Block(int b, Tensor x, Tensor emb) =>
        !Recompute ? Layers(b, x, emb)
        : _blocks[b - 1].OfType<ResBlock>().Any(block => block.Dropout > 0) ? throw new InvalidOperationException($"block {b} has dropout, which would drop other values when it is computed once more; switch one of the two off")
        : Recomputation.Run(inputs => Layers(b, inputs[0], inputs[1]), x, emb);

    Tensor Layers(int b, Tensor x, Tensor emb)
    {
        using var scope = new TensorScope();
        foreach (var module in _blocks[b - 1])
        {
            x = module.Forward(x, emb);
        }
        return scope.Return(x);
    }

    // Maps are large: what nobody needs any more goes at once, not when the pass ends.
    static void Free(Tensor input, Tensor h, Tensor output, Tensor next, Stack<Tensor> skips)
    {
        foreach (var tensor in (Tensor[])[input, h, output])
        {
            if (tensor != next && !skips.Contains(tensor))
            {
                tensor.Dispose();
            }
        }
    }

    void CheckInput(Tensor x, Tensor t)
    {
        var shape = x.Shape;
        if (shape.Length != 4 || shape[1] != Config.InChannels || shape[2] % Config.Stride != 0 || shape[3] % Config.Stride != 0 || shape[2] == 0 || shape[3] == 0)
        {
            throw new ArgumentException($"the input is {x}; this net takes (N, {Config.InChannels}, H, W) with H and W multiples of {Config.Stride}");
        }
        if (t.Dimensions != 1 || (t.Size(0) != shape[0] && t.Size(0) != 1))
        {
            throw new ArgumentException($"timesteps are {t} for {shape[0]} pictures; expected ({shape[0]})");
        }
    }

    // The first block holds its convolution directly; the others hold lists of layers. All are "module.index".
    static Params Inner(Params p, UNetBlock block) => block.Module.Split('.').Aggregate(p, (at, part) => at[part]);

    UNetModule Module(Params p, UNetLayer layer) => layer switch
    {
        UNetLayer.Conv conv => new StemConv(p, conv.In, conv.Out, () => ComputeType),
        UNetLayer.Residual residual => new ResBlock(p, Config, residual.In, residual.Out, residual.Resampling),
        UNetLayer.Attention attention => new AttentionBlock(p, attention.Channels, attention.Heads, Config.NewAttentionOrder),
        UNetLayer.Downsample down => new Downsample(p, down.Channels),
        UNetLayer.Upsample up => new Upsample(p, up.Channels),
        _ => throw new InvalidOperationException($"no module for {layer}"),
    };
}
