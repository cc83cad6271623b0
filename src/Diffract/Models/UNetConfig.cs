using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffract.Models;

/// <summary>What defines an ADM U-Net (Dhariwal and Nichol 2021) beside its weights.</summary>
public sealed record UNetConfig
{
    /// <summary>Side of the pictures it was trained on, in pixels.</summary>
    public int ImageSize { get; init; } = 256;
    public int InChannels { get; init; } = 3;
    /// <summary>3 for the noise alone, 6 with a learned variance.</summary>
    public int OutChannels { get; init; } = 6;
    /// <summary>Channels that the multipliers multiply; also the width of the sinusoidal time embedding.</summary>
    public int ModelChannels { get; init; } = 256;
    /// <summary>A factor a level, from the full size downwards.</summary>
    public IReadOnlyList<double> ChannelMult { get; init; } = [1, 1, 2, 2, 4, 4];
    /// <summary>Residual blocks a level on the input side; the output side has one more.</summary>
    public int NumResBlocks { get; init; } = 2;
    /// <summary>Downsampling factors at which blocks also have attention: 8 means maps of image size / 8.</summary>
    public IReadOnlySet<int> AttentionFactors { get; init; } = new HashSet<int> { 8, 16, 32 };
    /// <summary>Attention heads where <see cref="NumHeadChannels"/> is null.</summary>
    public int NumHeads { get; init; } = 4;
    /// <summary>Heads on the output side where <see cref="NumHeadChannels"/> is null; null: as on the input side.</summary>
    public int? NumHeadsUpsample { get; init; }
    /// <summary>Channels of an attention head; null: <see cref="NumHeads"/> counts.</summary>
    public int? NumHeadChannels { get; init; } = 64;
    /// <summary>qkv channels as [q | k | v], heads inside each; else heads outside, [q k v] inside each.</summary>
    public bool NewAttentionOrder { get; init; }
    /// <summary>The embedding scales and shifts the normalised map; else it is added before the norm.</summary>
    public bool ScaleShiftNorm { get; init; } = true;
    /// <summary>Residual blocks resample; else a strided convolution, or nearest-neighbour and a convolution.</summary>
    public bool ResblockUpdown { get; init; } = true;
    /// <summary>Null for a net without classes.</summary>
    public int? Classes { get; init; }
    /// <summary>Dropout inside residual blocks, used in training only.</summary>
    public double Dropout { get; init; }

    public int Levels => ChannelMult.Count;

    /// <summary>Sides of pictures must be multiples of this.</summary>
    public int Stride => 1 << (Levels - 1);

    public int TimeEmbeddingWidth => 4 * ModelChannels;

    public int Width(int level) => (int)(ChannelMult[level] * ModelChannels);

    public int Heads(int channels, bool outputSide) => NumHeadChannels is { } width ? channels / width : outputSide ? NumHeadsUpsample ?? NumHeads : NumHeads;

    /// <summary>The same in guided-diffusion's own flag names, as <see cref="Parse"/> reads it.</summary>
    public JsonObject ToJson() => new()
    {
        ["image_size"] = ImageSize,
        ["in_channels"] = InChannels,
        ["num_channels"] = ModelChannels,
        ["num_res_blocks"] = NumResBlocks,
        ["channel_mult"] = string.Join(",", ChannelMult.Select(m => m.ToString(CultureInfo.InvariantCulture))),
        ["attention_resolutions"] = string.Join(",", AttentionFactors.Order().Select(f => (ImageSize / f).ToString(CultureInfo.InvariantCulture))),
        ["num_heads"] = NumHeads,
        ["num_heads_upsample"] = NumHeadsUpsample ?? -1,
        ["num_head_channels"] = NumHeadChannels ?? -1,
        ["use_new_attention_order"] = NewAttentionOrder,
        ["use_scale_shift_norm"] = ScaleShiftNorm,
        ["resblock_updown"] = ResblockUpdown,
        ["learn_sigma"] = OutChannels == 6,
        ["class_cond"] = Classes is not null,
        ["num_classes"] = Classes,
        ["dropout"] = Dropout,
    };

    /// <summary>Reads guided-diffusion's flags; those that do not concern the net (diffusion, training) are passed over.</summary>
    /// <param name="json">An object such as {"image_size": 64, "num_channels": 192, "num_res_blocks": 3, ...}.</param>
    /// <param name="where">For errors: the file.</param>
    /// <exception cref="UNetConfigException">A flag is unknown, of the wrong type or out of range; all faults are named.</exception>
    public static UNetConfig Parse(JsonElement json, string where) => new FlagReader(json, where).Read();

    /// <inheritdoc cref="Parse"/>
    public static UNetConfig ReadFile(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadText(path));
            return Parse(document.RootElement, path);
        }
        catch (JsonException exception)
        {
            throw new UNetConfigException($"{path}: not JSON: {exception.Message}");
        }
    }

    internal static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UNetConfigException($"{path}: {(File.Exists(path) ? $"cannot be read: {exception.Message}" : "there is no such file")}; expected a JSON file of guided-diffusion's flags");
        }
    }
}

/// <summary>A configuration of a net cannot be used; the message names every fault.</summary>
public sealed class UNetConfigException(string message) : Exception(message);
