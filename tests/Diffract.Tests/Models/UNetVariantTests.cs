using Diffract.Models;

namespace Diffract.Tests.Models;

/// <summary>Kinds of nets that have no golden numbers, held against one that has by weights that must make them equal.</summary>
public class UNetVariantTests
{
    static readonly UNetConfig Small = RandomNet.Small;
    static readonly float[] X = RandomNet.Pictures(Small, 2), T = [90, 750];

    static void AssertEqual(float[] wanted, float[] actual)
    {
        Assert.Equal(wanted.Length, actual.Length);
        var scale = wanted.Max(Math.Abs);
        Assert.True(scale is > 0.01f and < 1e4f, $"the outputs are at most {scale}, which tells nothing");
        for (var i = 0; i < wanted.Length; i++)
        {
            Assert.True(Math.Abs(wanted[i] - actual[i]) <= 2e-5 * scale, $"[{i}]: {actual[i]}, wanted {wanted[i]}"); // the same products, summed in another order
        }
    }

    static void AssertDiffer(float[] one, float[] other) => Assert.True(one.Zip(other).Max(p => Math.Abs(p.First - p.Second)) > 1e-3 * one.Max(Math.Abs), "the two do not differ");

    [Fact]
    public void New_attention_order_is_the_legacy_one_with_rows_exchanged()
    {
        var legacy = new RandomNet(Small);
        var other = legacy.As(Small with { NewAttentionOrder = true });
        var wrong = other.Run(X, T);
        foreach (var name in other.Weights.Keys.Where(n => n.Contains(".qkv.")))
        {
            other.Weights[name] = FromLegacy(legacy.Weights[name], name.EndsWith("weight") ? 64 : 1, width: 32);
        }

        AssertEqual(legacy.Run(X, T), other.Run(X, T));
        AssertDiffer(legacy.Run(X, T), wrong);
    }

    // Rows [head][q k v][width] to [q k v][head][width]; both attention widths are 64 here.
    static float[] FromLegacy(float[] rows, int columns, int width)
    {
        var heads = rows.Length / columns / 3 / width;
        var result = new float[rows.Length];
        for (var head = 0; head < heads; head++)
        {
            for (var part = 0; part < 3; part++)
            {
                Array.Copy(rows, (head * 3 + part) * width * columns, result, (part * heads + head) * width * columns, width * columns);
            }
        }
        return result;
    }

    [Fact]
    public void A_count_of_heads_says_the_same_as_their_width()
    {
        var byWidth = new RandomNet(Small);

        AssertEqual(byWidth.Run(X, T), byWidth.As(Small with { NumHeadChannels = null, NumHeads = 2 }).Run(X, T));
        AssertDiffer(byWidth.Run(X, T), byWidth.As(Small with { NumHeadChannels = null, NumHeads = 4 }).Run(X, T));
    }

    [Fact]
    public void The_output_side_may_have_its_own_count_of_heads()
    {
        var layout = new UNetLayout(Small with { NumHeadChannels = null, NumHeads = 2, NumHeadsUpsample = 4 });
        int Heads(UNetBlock block) => block.Layers.OfType<UNetLayer.Attention>().Single().Heads;

        Assert.Equal(2, Heads(layout.Middle));
        Assert.All(layout.InputBlocks.Where(b => b.Description.Contains("Attn")), b => Assert.Equal(2, Heads(b)));
        Assert.All(layout.OutputBlocks.Where(b => b.Description.Contains("Attn")), b => Assert.Equal(4, Heads(b)));
        var net = new RandomNet(layout.Config);
        AssertDiffer(net.Run(X, T), net.As(layout.Config with { NumHeadsUpsample = null }).Run(X, T));
    }

    [Fact]
    public void Without_an_embedding_scale_and_shift_change_nothing()
    {
        var shifted = new RandomNet(Small);
        foreach (var name in shifted.Weights.Keys.Where(n => n.Contains(".emb_layers.")))
        {
            Array.Clear(shifted.Weights[name]);
        }

        AssertEqual(shifted.Run(X, T), shifted.As(Small with { ScaleShiftNorm = false }).Run(X, T));
    }

    [Fact]
    public void Without_scale_the_embedding_is_added_before_the_norm()
    {
        // A constant added to every channel of the first convolution's bias and to the embedding is the same thing.
        var net = new RandomNet(Small with { ScaleShiftNorm = false });
        var moved = net.As(net.Config);
        foreach (var name in net.Weights.Keys.Where(n => n.EndsWith("emb_layers.1.bias")))
        {
            var conv = name.Replace("emb_layers.1", "in_layers.2");
            moved.Weights[conv] = [.. net.Weights[conv].Zip(net.Weights[name], (a, b) => a + b)];
            Array.Clear(moved.Weights[name]);
        }

        AssertEqual(net.Run(X, T), moved.Run(X, T));
    }

    [Fact]
    public void A_class_is_added_to_the_time_embedding()
    {
        var with = new RandomNet(Small with { Classes = 5 });
        var without = with.As(Small);

        AssertEqual(without.Run(X, T), with.Run(X, T));
        var width = Small.TimeEmbeddingWidth;
        without.Weights["time_embed.2.bias"] = [.. without.Weights["time_embed.2.bias"].Zip(with.Weights["label_emb.weight"].Skip(3 * width).Take(width), (a, b) => a + b)];
        AssertEqual(without.Run(X, T), with.Run(X, T, [3, 3]));
        AssertDiffer(with.Run(X, T), with.Run(X, T, [3, 3]));
    }

    [Fact]
    public void Plain_resampling_equals_residual_resampling_where_both_only_resample()
    {
        var residual = new RandomNet(Small);
        var plain = residual.As(Small with { ResblockUpdown = false });
        foreach (var block in new UNetLayout(plain.Config).Blocks)
        {
            foreach (var (layer, i) in block.Layers.Select((layer, i) => (layer, i)))
            {
                switch (layer)
                {
                    case UNetLayer.Downsample down:
                        plain.Weights[$"{block.Module}.{i}.op.weight"] = Diagonal(down.Channels, (1, 1, 0.25f), (1, 2, 0.25f), (2, 1, 0.25f), (2, 2, 0.25f));
                        break;
                    case UNetLayer.Upsample up:
                        plain.Weights[$"{block.Module}.{i}.conv.weight"] = Diagonal(up.Channels, (1, 1, 1));
                        break;
                    default:
                        continue;
                }
                Array.Clear(residual.Weights[$"{block.Module}.{i}.out_layers.3.weight"]);
                Array.Clear(residual.Weights[$"{block.Module}.{i}.out_layers.3.bias"]);
            }
        }

        AssertEqual(residual.Run(X, T), plain.Run(X, T));
    }

    // A 3x3 convolution of each channel with itself alone.
    static float[] Diagonal(int channels, params (int Row, int Column, float Weight)[] taps)
    {
        var kernel = new float[channels * channels * 9];
        for (var c = 0; c < channels; c++)
        {
            foreach (var (row, column, weight) in taps)
            {
                kernel[(c * channels + c) * 9 + row * 3 + column] = weight;
            }
        }
        return kernel;
    }

    [Fact]
    public void Fractional_steps_lie_between_whole_ones()
    {
        var net = new RandomNet(Small);
        var (low, middle, high) = (net.Run(X, [90, 90]), net.Run(X, [90.5f, 90.5f]), net.Run(X, [91, 91]));

        AssertDiffer(low, middle);
        AssertDiffer(middle, high);
        var bend = low.Zip(high, (a, b) => (a + b) / 2).Zip(middle, (mean, m) => Math.Abs(mean - m)).Max();
        var change = low.Zip(high, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(bend < 0.5 * change, $"the output at 90.5 lies {bend} from the mean of 90 and 91, which differ by {change}");
    }
}
