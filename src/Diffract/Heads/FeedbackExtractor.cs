using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>What the first pass leaves for the second. Nothing of it depends on what is trained.</summary>
/// <param name="State">The second pass, which goes as the first did until the first map is added, at the block that takes it.</param>
/// <param name="Maps">By decoder block that feeds back: its output, (N, C, H, W).</param>
public sealed record FirstPass(UNetState State, IReadOnlyDictionary<int, Tensor> Maps);

/// <summary>
/// Maps of a net's blocks with feedback (DifFeed): a first pass, whose decoder maps go through trained layers and are added to the encoder's in a second pass.
/// Both are <see cref="UNet.Run(Tensor, Tensor, Tensor?, int, UNet.BlockHook?)"/>; gradients flow through the second, from the first added map on.
/// </summary>
/// <remarks>The second paper's section 5. The map is added to the encoder block's output before that goes onto the skip connection and into the next block, as in the released code.</remarks>
public sealed class FeedbackExtractor
{
    readonly UNet _net;
    readonly FeedbackLayers _layers;
    readonly int[] _blocks;

    /// <param name="net">Built at least as far as <see cref="FeedbackConfig.Deepest"/>.</param> <param name="layers">Trained, or to be.</param> <param name="blocks">Whose maps of the second pass are wanted, ascending.</param>
    /// <exception cref="ArgumentException">Feedback cannot reach a block that is wanted, or reaches none.</exception>
    public FeedbackExtractor(UNet net, FeedbackLayers layers, IReadOnlyList<int> blocks)
    {
        (_net, _layers, _blocks) = (net, layers, [.. blocks]);
        CheckReach(layers.Config, blocks);
    }

    FeedbackConfig Config => _layers.Config;

    /// <summary>Blocks of the first pass whose maps the second needs: those that feed back, and what it goes on from.</summary>
    public static IReadOnlyList<int> FirstPassBlocks(FeedbackConfig config, UNetLayout layout, IReadOnlyList<int> blocks) =>
        [.. UNetState.Needs(layout, FirstTo(config), blocks.Max()).Concat(config.Pairs.Select(pair => pair.From)).Distinct().Order()];

    /// <summary>A first pass from maps that were kept.</summary>
    /// <param name="maps">Whole maps by block, at least <see cref="FirstPassBlocks"/>.</param>
    public FirstPass FromKept(IReadOnlyDictionary<int, Tensor> maps)
    {
        var laid = maps.ToDictionary(pair => pair.Key, pair => pair.Value.To(_net.ComputeType).ChannelsLast()); // the faster layout
        return new(new(FirstTo(Config), laid), Config.Pairs.Select(pair => pair.From).Distinct().ToDictionary(b => b, b => laid[b]));
    }

    /// <summary>Runs the net without gradients, as far as the deepest block that feeds back.</summary>
    /// <param name="x">(N, C_in, H, W), noised.</param> <param name="t">(N), steps from 0.</param> <param name="y">(N) int64, classes, or null.</param>
    public FirstPass First(Tensor x, Tensor t, Tensor? y = null)
    {
        using var off = GradMode.Off();
        var needed = FirstPassBlocks(Config, _net.Layout, _blocks);
        return FromKept(_net.ForwardFeatures(x, t, [.. needed], y));
    }

    /// <summary>Goes on from the first pass with the maps that are fed back; records gradients where <see cref="GradMode"/> is on.</summary>
    /// <param name="t">As for the first pass.</param> <param name="y">As for the first pass.</param>
    /// <param name="training">As for <see cref="FeedbackLayers.Forward"/>.</param>
    /// <returns>The wanted blocks' outputs by block, (N, C, H, W) in the net's type.</returns>
    public IReadOnlyDictionary<int, Tensor> Second(FirstPass first, Tensor t, Tensor? y, bool training)
    {
        using var scope = new TensorScope();
        Tensor[] fed = [.. Config.Pairs.Select((pair, i) => _layers.Forward(i, first.Maps[pair.From], training))];
        var taps = new Dictionary<int, Tensor>();
        Tensor Feed(int b, Tensor h)
        {
            foreach (var (i, _) in Config.Pairs.Index().Where(entry => entry.Item.To == b))
            {
                h = h + Resized(fed[i], h).To(h.DType);
            }
            if (_blocks.Contains(b))
            {
                taps[b] = h.Alias().Keep();
            }
            return h;
        }
        var outputs = first.State.Outputs.ToDictionary();
        outputs[first.State.Block] = Feed(first.State.Block, outputs[first.State.Block]);
        _net.Run(first.State with { Outputs = outputs }, t, y, _blocks[^1], Feed);
        return taps.ToDictionary(pair => pair.Key, pair => scope.Adopt(pair.Value));
    }

    /// <summary>The encoder block at which the second pass becomes another than the first.</summary>
    internal static int FirstTo(FeedbackConfig config) => config.Pairs.Min(pair => pair.To);

    static Tensor Resized(Tensor map, Tensor like) =>
        map.Size(2) == like.Size(2) && map.Size(3) == like.Size(3) ? map : Aten.UpsampleBilinear2d(map, like.Size(2), like.Size(3)); // without antialiasing, corners not aligned

    /// <exception cref="ArgumentException">Feedback cannot reach a block that is wanted, or does not arrive at any.</exception>
    internal static void CheckReach(FeedbackConfig config, IReadOnlyList<int> blocks)
    {
        var (first, last) = (FirstTo(config), config.Pairs.Max(pair => pair.To));
        if (blocks.Count == 0 || blocks[0] < first || blocks[^1] < last)
        {
            throw new ArgumentException($"the head reads blocks {string.Join(", ", blocks)} and feedback goes to blocks {string.Join(", ", config.Pairs.Select(pair => pair.To).Distinct().Order())}: "
                + $"no block before {first} sees any of it, and what goes to {last} must come before the last block read. Read blocks of the decoder.");
        }
    }
}
