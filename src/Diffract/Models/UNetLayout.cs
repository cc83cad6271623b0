namespace Diffract.Models;

/// <summary>A layer of a block, as its configuration defines it.</summary>
public abstract record UNetLayer
{
    /// <summary>A 3x3 convolution: the first block of the net.</summary>
    public sealed record Conv(int In, int Out) : UNetLayer;
    public sealed record Residual(int In, int Out, Resampling Resampling = Resampling.None) : UNetLayer;
    public sealed record Attention(int Channels, int Heads) : UNetLayer;
    /// <summary>A 3x3 convolution of stride 2.</summary>
    public sealed record Downsample(int Channels) : UNetLayer;
    /// <summary>Nearest-neighbour times two, then a 3x3 convolution.</summary>
    public sealed record Upsample(int Channels) : UNetLayer;

    public string Name => this switch
    {
        Residual { Resampling: Resampling.Down } => "Res down",
        Residual { Resampling: Resampling.Up } => "Res up",
        Residual => "Res",
        Attention => "Attn",
        Conv => "Conv",
        Downsample => "Down",
        _ => "Up",
    };
}

public enum Resampling { None, Down, Up }

/// <summary>Block b of a U-Net, in the papers' numbering: 1 .. n on the input side, n + 1 the middle, n + 2 .. 2n + 1 on the output side.</summary>
/// <param name="Module">Its name in the checkpoint: "input_blocks.3", "middle_block".</param>
/// <param name="InChannels">With the skip connection's, on the output side.</param>
/// <param name="OutChannels">Channels of its output.</param>
/// <param name="InStride">Side of a picture over the side of its input map.</param>
/// <param name="OutStride">Side of a picture over the side of its output map.</param>
public sealed record UNetBlock(int Number, string Module, IReadOnlyList<UNetLayer> Layers, int InChannels, int OutChannels, int InStride, int OutStride)
{
    /// <summary>"Res+Attn+Res up".</summary>
    public string Description => string.Join("+", Layers.Select(layer => layer.Name));
}

/// <summary>The blocks that a configuration defines: the one place that knows how an ADM U-Net is put together.</summary>
public sealed class UNetLayout
{
    public UNetLayout(UNetConfig config)
    {
        Config = config;
        InputBlocks = [.. Input(config)];
        Middle = MiddleBlock(config, InputBlocks);
        OutputBlocks = [.. Output(config, InputBlocks)];
        Blocks = [.. InputBlocks, Middle, .. OutputBlocks];
    }

    public UNetConfig Config { get; }
    public IReadOnlyList<UNetBlock> InputBlocks { get; }
    public UNetBlock Middle { get; }
    public IReadOnlyList<UNetBlock> OutputBlocks { get; }

    /// <summary>All, in order: block b is at b - 1.</summary>
    public IReadOnlyList<UNetBlock> Blocks { get; }

    /// <summary>The block that a parameter belongs to: 0 for the embeddings of time and class, one more than there are blocks for the output layers.</summary>
    /// <param name="name">Its name in the checkpoint.</param>
    public int BlockOf(string name) => name.StartsWith("time_embed.", StringComparison.Ordinal) || name.StartsWith("label_emb.", StringComparison.Ordinal) ? 0
        : Blocks.FirstOrDefault(block => name.StartsWith(block.Module + ".", StringComparison.Ordinal))?.Number ?? Blocks.Count + 1;

    /// <summary>True where input block e feeds an output block not after <paramref name="last"/>: output block i takes input block n - i.</summary>
    public bool SkipIsUsed(int e, int last) => e >= Blocks.Count + 1 - last;

    static IEnumerable<UNetBlock> Input(UNetConfig config)
    {
        var channels = config.Width(0);
        yield return new(1, "input_blocks.0", [new UNetLayer.Conv(config.InChannels, channels)], config.InChannels, channels, 1, 1);
        var number = 1;
        for (var level = 0; level < config.Levels; level++)
        {
            var (factor, width) = (1 << level, config.Width(level));
            for (var i = 0; i < config.NumResBlocks; i++)
            {
                List<UNetLayer> layers = [new UNetLayer.Residual(channels, width)];
                AddAttention(layers, config, factor, width, outputSide: false);
                yield return new(++number, $"input_blocks.{number - 1}", layers, channels, width, factor, factor);
                channels = width;
            }
            if (level < config.Levels - 1)
            {
                UNetLayer down = config.ResblockUpdown ? new UNetLayer.Residual(width, width, Resampling.Down) : new UNetLayer.Downsample(width);
                yield return new(++number, $"input_blocks.{number - 1}", [down], width, width, factor, 2 * factor);
            }
        }
    }

    static UNetBlock MiddleBlock(UNetConfig config, IReadOnlyList<UNetBlock> input)
    {
        var (channels, stride) = (input[^1].OutChannels, config.Stride);
        return new(input.Count + 1, "middle_block",
            [new UNetLayer.Residual(channels, channels), new UNetLayer.Attention(channels, config.Heads(channels, outputSide: false)), new UNetLayer.Residual(channels, channels)],
            channels, channels, stride, stride);
    }

    static IEnumerable<UNetBlock> Output(UNetConfig config, IReadOnlyList<UNetBlock> input)
    {
        var channels = input[^1].OutChannels;
        var index = 0;
        for (var level = config.Levels - 1; level >= 0; level--)
        {
            var (factor, width) = (1 << level, config.Width(level));
            for (var i = 0; i <= config.NumResBlocks; i++)
            {
                var joined = channels + input[input.Count - 1 - index].OutChannels;
                List<UNetLayer> layers = [new UNetLayer.Residual(joined, width)];
                AddAttention(layers, config, factor, width, outputSide: true);
                var up = level > 0 && i == config.NumResBlocks;
                if (up)
                {
                    layers.Add(config.ResblockUpdown ? new UNetLayer.Residual(width, width, Resampling.Up) : new UNetLayer.Upsample(width));
                }
                yield return new(input.Count + 2 + index, $"output_blocks.{index}", layers, joined, width, factor, up ? factor / 2 : factor);
                channels = width;
                index++;
            }
        }
    }

    static void AddAttention(List<UNetLayer> layers, UNetConfig config, int factor, int width, bool outputSide)
    {
        if (config.AttentionFactors.Contains(factor))
        {
            layers.Add(new UNetLayer.Attention(width, config.Heads(width, outputSide)));
        }
    }
}
