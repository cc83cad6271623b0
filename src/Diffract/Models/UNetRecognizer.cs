using Diffract.Torch;

namespace Diffract.Models;

/// <summary>A checkpoint, understood.</summary>
/// <param name="Config">The net.</param>
/// <param name="Description">What it is, for people.</param>
/// <param name="Schedule">Noise schedule of its training: "linear" or "cosine".</param>
/// <param name="Assumptions">What neither the file nor a configuration says, and what was taken instead; a sentence each.</param>
public sealed record RecognisedNet(UNetConfig Config, string Description, string Schedule, IReadOnlyList<string> Assumptions)
{
    /// <summary>Steps of the schedule.</summary>
    public int Steps { get; init; } = 1000;
    /// <summary>The net is given step times this.</summary>
    public double TimestepScale { get; init; } = 1;
    /// <summary>The published checkpoint whose shapes these are; null where there is none. Several may share their shapes: the one with the file's name, else the first.</summary>
    public PublishedModel? Published { get; init; }
}

/// <summary>From the names and shapes of a state dict to the net's configuration.</summary>
public static class UNetRecognizer
{
    /// <summary>
    /// What shapes cannot tell (heads, attention order, picture size, noise schedule) comes from <paramref name="configPath"/>, else from the file's own
    /// metadata, else from the published checkpoint with the same shapes, else from defaults, which are then named.
    /// </summary>
    /// <param name="configPath">JSON of guided-diffusion's flags; may be null.</param>
    /// <exception cref="CheckpointException">The file holds no such U-Net.</exception>
    /// <exception cref="UNetConfigException">The configuration cannot be used, or disagrees with the weights.</exception>
    public static RecognisedNet Recognise(CheckpointFile file, string? configPath = null) => Recognise(file, UNetLoader.Weights(file, null), configPath);

    /// <inheritdoc cref="Recognise(CheckpointFile, string?)"/>
    /// <param name="weights">The state dict in it that is meant.</param>
    public static RecognisedNet Recognise(CheckpointFile file, IReadOnlyDictionary<string, StoredTensor> weights, string? configPath)
    {
        var own = configPath is null ? UNetFile.Config(file) : null;
        RefuseOthers(file.Path, weights.Keys.ToList());
        var shapes = FromShapes(weights.ToDictionary(p => p.Key, p => (IReadOnlyList<long>)p.Value.Shape), file.Path);
        if (configPath is not null)
        {
            var flags = UNetFlags.ReadFile(configPath, shapes);
            CheckAgreement(flags.Config, shapes, configPath, file.Path);
            return Checked(new(flags.Config, $"{Kind(flags.Config)}, as {configPath} says", flags.Schedule, []) { Steps = flags.Steps, TimestepScale = flags.TimestepScale }, file.Path);
        }
        if (own is not null)
        {
            own = own with { OutChannels = shapes.OutChannels };
            CheckAgreement(own, shapes, "its own metadata", file.Path);
            return Checked(new(own, $"{Kind(own)}, {UNetFile.Origin(file)}", UNetFile.Schedule(file), []), file.Path);
        }
        return Checked(Complete(shapes, file.Path), file.Path);
    }

    /// <summary>What the shapes alone say; heads, order, picture size and dropout keep defaults.</summary>
    /// <param name="shapes">By name, under guided-diffusion's names.</param> <param name="where">For errors: the file.</param>
    /// <exception cref="CheckpointException">Tensors that would tell are missing or of impossible shapes.</exception>
    public static UNetConfig FromShapes(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, string where)
    {
        var weights = new WeightShapes(shapes, where);
        var (channels, outputs) = (weights.Size("time_embed.0.weight", 1), weights.CountBlocks("output_blocks"));
        var ups = Enumerable.Range(0, outputs).Where(i => Goes(weights, i, "in_layers.0.weight") || Goes(weights, i, "conv.weight")).ToList();
        var perLevel = ups.Count == 0 ? outputs : ups[0] + 1;                              // blocks a level on the output side
        var levels = ups.Count + 1;
        if (perLevel < 2 || outputs != levels * perLevel || levels > 12 || channels > 65536)
        {
            throw new CheckpointException($"{where}: its names are those of a U-Net of guided-diffusion, but {outputs} output blocks that go up after {string.Join(", ", ups.Take(8))} "
                + $"and {channels} channels are not the form of one. Is the file whole?");
        }
        var firstOfLevel = Enumerable.Range(0, levels).Select(level => (levels - 1 - level) * perLevel).ToArray();
        var widths = firstOfLevel.Select(i => weights.Size($"output_blocks.{i}.0.out_layers.3.weight", 0)).ToArray();
        var factors = Enumerable.Range(0, levels).Where(level => HasAttention(weights, level, perLevel, firstOfLevel[level])).Select(level => 1 << level).ToHashSet();
        return new UNetConfig
        {
            ImageSize = 8 << (levels - 1),
            InChannels = weights.Size("input_blocks.0.0.weight", 1),
            OutChannels = weights.Size("out.2.weight", 0),
            ModelChannels = channels,
            ChannelMult = [.. widths.Select(width => Factor(width, channels))],
            NumResBlocks = perLevel - 1,
            AttentionFactors = factors,
            ScaleShiftNorm = weights.Size("middle_block.0.emb_layers.1.weight", 0) != weights.Size("middle_block.0.out_layers.0.weight", 0),
            ResblockUpdown = !Enumerable.Range(0, outputs).Any(i => Goes(weights, i, "conv.weight")),
            Classes = weights.Has("label_emb.weight") ? weights.Size("label_emb.weight", 0) : null,
        };
    }

    // The resampling layer is the second of its block, or the third where there is attention.
    static bool Goes(WeightShapes weights, int block, string layer) => weights.Has($"output_blocks.{block}.1.{layer}") || weights.Has($"output_blocks.{block}.2.{layer}");

    static bool HasAttention(WeightShapes weights, int level, int perLevel, int firstOutput)
    {
        var input = Enumerable.Range(1 + level * perLevel, perLevel - 1).Select(i => $"input_blocks.{i}.1.qkv.weight");
        var output = Enumerable.Range(firstOutput, perLevel).Select(i => $"output_blocks.{i}.1.qkv.weight");
        return input.Concat(output).Any(weights.Has);
    }

    // Such that the width comes out again when it is multiplied and cut.
    static double Factor(int width, int channels)
    {
        var factor = (double)width / channels;
        return (int)(factor * channels) == width ? factor : Math.BitIncrement(factor);
    }

    static void RefuseOthers(string path, List<string> names)
    {
        var kind = CheckpointKind.Of(names);
        if (kind.Family != CheckpointFamily.UNet)
        {
            var more = kind.Family == CheckpointFamily.Classifier ? "Classifiers are not read yet; give the diffusion model itself" : "Give a U-Net of guided-diffusion";
            throw new CheckpointException($"{path}: {kind.Description}, {names.Count} tensors. {more} (`diffract models` lists some).");
        }
    }

    internal static void CheckAgreement(UNetConfig config, UNetConfig shapes, string source, string path)
    {
        var faults = UNetFlags.Visible(config, config.ImageSize).Zip(UNetFlags.Visible(shapes, config.ImageSize)).Where(pair => pair.First != pair.Second)
            .Select(pair => $"{pair.First.Flag} is {Or(pair.First.Value)}, the weights say {Or(pair.Second.Value)}").ToList();
        if (faults.Count > 0)
        {
            throw new UNetConfigException($"{source} does not describe {path}: {string.Join("; ", faults)}");
        }
        static string Or(string value) => value.Length == 0 ? "empty" : value;
    }

    static RecognisedNet Complete(UNetConfig shapes, string path)
    {
        var alike = PublishedModels.All.Where(m => m.Config is { } c && UNetFlags.Visible(c, c.ImageSize).SequenceEqual(UNetFlags.Visible(shapes, c.ImageSize))).ToList();
        if (alike.Count > 0)
        {
            var published = alike.Find(m => m.File == Path.GetFileName(path)) ?? alike[0];
            var others = alike.Count == 1 ? "" : $" (or {string.Join(", ", alike.Where(m => m != published).Select(m => m.Name))}, of the same shapes)";
            return new(published.Config!, $"{Kind(published.Config!)}, in the shapes of {published.Family}'s {published.Name}{others}", published.Schedule, [])
            {
                Steps = published.Steps, TimestepScale = published.TimestepScale, Published = published,
            };
        }
        var widths = AttentionLayers(shapes).Select(a => a.Channels).ToList();
        var heads = widths.All(w => w % 64 == 0) ? 64 : (int?)null;
        var config = shapes with { NumHeadChannels = heads, NumHeads = heads is null && widths.Any(w => w % 4 != 0) ? 1 : 4 };
        return new(config, $"{Kind(config)}, none of the published ones", "linear",
        [
            $"the number of attention heads is not in the weights: assumed {(heads is { } n ? $"num_head_channels {n}, as in the published 256x256 and 512x512 nets" : $"num_heads {config.NumHeads}, guided-diffusion's default")}",
            "the order of q, k and v is not in the weights: assumed the older one (use_new_attention_order false)",
            $"the size of pictures is not in the weights: assumed image_size {config.ImageSize}, so that the smallest map is 8x8",
            "the noise schedule is not in the weights: assumed linear, 1000 steps",
        ]);
    }

    static IEnumerable<UNetLayer.Attention> AttentionLayers(UNetConfig config) => new UNetLayout(config).Blocks.SelectMany(block => block.Layers).OfType<UNetLayer.Attention>();

    static RecognisedNet Checked(RecognisedNet net, string path)
    {
        if (Enumerable.Range(0, net.Config.Levels).Select(net.Config.Width).FirstOrDefault(w => w % 32 != 0) is var odd and not 0)
        {
            throw new CheckpointException($"{path}: a level has {odd} channels; the norms of guided-diffusion need a multiple of 32");
        }
        if (AttentionLayers(net.Config).FirstOrDefault(a => a.Heads < 1 || a.Channels % a.Heads != 0 || net.Config.NumHeadChannels is { } w && a.Channels % w != 0) is { } bad)
        {
            throw new UNetConfigException($"{path}: attention on {bad.Channels} channels cannot be cut into "
                + $"{(net.Config.NumHeadChannels is { } width ? $"heads of {width} channels (num_head_channels)" : $"{bad.Heads} heads (num_heads)")}");
        }
        return net;
    }

    static string Kind(UNetConfig config) => $"{config.ImageSize}x{config.ImageSize} {(config.InChannels > 3 ? "upsampling" : "ADM")} U-Net, {(config.Classes is { } n ? $"{n} classes" : "no classes")}";
}
