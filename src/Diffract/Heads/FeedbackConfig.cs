using System.Text.Json.Nodes;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>A layer of the stack between a decoder block and an encoder block.</summary>
public enum FeedbackLayer
{
    /// <summary>At the head of the stack 1 x 1, from the decoder block's channels to the encoder block's; later 3 x 3 and depthwise. Without bias. The released code's C.</summary>
    Convolution,
    /// <summary>The released code's B.</summary>
    BatchNorm,
    /// <summary>The released code's R.</summary>
    Relu,
    /// <summary>The released code's S.</summary>
    Silu,
    /// <summary>Of 32 groups. The released code's G.</summary>
    GroupNorm,
}

/// <summary>Feedback from decoder to encoder (DifFeed, the second paper's section 5): which blocks, and what lies between them.</summary>
public sealed record FeedbackConfig
{
    /// <summary>Ascending, without repeats.</summary>
    public required IReadOnlyList<FeedbackPair> Pairs { get; init; }

    /// <summary>The strategy that the pairs came from, for people.</summary>
    public required string Strategy { get; init; }

    /// <summary>The stack of every pair: a convolution first, which leads from the one block's channels to the other's, unless they have as many.</summary>
    public IReadOnlyList<FeedbackLayer> Layers { get; init; } = [FeedbackLayer.Convolution, FeedbackLayer.BatchNorm, FeedbackLayer.Relu];

    /// <exception cref="ArgumentException">The strategy names a block that the net lacks.</exception>
    public static FeedbackConfig Of(FeedbackStrategy strategy, UNetLayout layout) => new() { Pairs = strategy.On(layout).Pairs, Strategy = strategy.Name };

    /// <summary>
    /// Reads a stack as the released code does, "C_B_R": a letter a layer. Two words that it offers stand for less than they say there, and are read as what it makes of them:
    /// "C2" is C, and "Res" is R alone.
    /// </summary>
    /// <exception cref="ArgumentException">A letter is unknown.</exception>
    public static IReadOnlyList<FeedbackLayer> ParseLayers(string letters) =>
    [
        .. letters.Replace("Res", "R").Replace("C2", "C").Replace("_", "").Select(letter => letter switch
        {
            'C' => FeedbackLayer.Convolution, 'B' => FeedbackLayer.BatchNorm, 'R' => FeedbackLayer.Relu, 'S' => FeedbackLayer.Silu, 'G' => FeedbackLayer.GroupNorm,
            _ => throw new ArgumentException($"feedback layers '{letters}': '{letter}' is not one of C, B, R, S, G"),
        }),
    ];

    /// <summary>The same for a stack that is to be trained: one that says more than it makes is refused.</summary>
    /// <inheritdoc cref="ParseLayers"/>
    public static IReadOnlyList<FeedbackLayer> ParsePlainLayers(string letters) => ParseLayers(letters) is var layers && Letters(layers) == letters ? layers
        : throw new ArgumentException($"feedback layers '{letters}': the released code makes {Letters(ParseLayers(letters))} of it (its Res is a ReLU alone, its C2 a C); write that");

    /// <summary>A stack as <see cref="ParseLayers"/> reads it, each layer by its letter.</summary>
    public static string Letters(IEnumerable<FeedbackLayer> layers) => string.Join('_', layers.Select(layer => layer switch
    {
        FeedbackLayer.Convolution => "C", FeedbackLayer.BatchNorm => "B", FeedbackLayer.Relu => "R", FeedbackLayer.Silu => "S", _ => "G",
    }));

    /// <summary>The deepest block of a net that is needed: by the feedback or by a head.</summary>
    /// <param name="blocks">Those that the head reads.</param>
    public int Deepest(IEnumerable<int> blocks) => Math.Max(Pairs.Max(pair => pair.From), blocks.Max());

    /// <summary>Trained values. Takes no memory for them.</summary>
    public long ParameterCount(UNetLayout layout)
    {
        using var shapes = ParameterStore.From(new Dictionary<string, StoredTensor>());    // an empty checkpoint: every parameter is a stand-in of its shape
        _ = new FeedbackLayers(shapes.Root, this, layout);
        return shapes.Count;
    }

    /// <exception cref="ArgumentException">The net lacks a block, or the layers cannot be built.</exception>
    public void Check(UNetLayout layout)
    {
        new FeedbackPlan(Pairs, []).Checked(layout);
        if (Layers.Count == 0)
        {
            throw new ArgumentException("feedback has no layers; expected some, such as C_B_R");
        }
        int Channels(int block) => layout.Blocks[block - 1].OutChannels;
        if (Layers[0] != FeedbackLayer.Convolution && Pairs.FirstOrDefault(pair => Channels(pair.From) != Channels(pair.To)) is { From: > 0 } unlike)
        {
            throw new ArgumentException($"feedback layers {Letters(Layers)}: C must come first, it leads from the one block's channels to the other's, and blocks {unlike} have {Channels(unlike.From)} and {Channels(unlike.To)}");
        }
        if (Layers.Contains(FeedbackLayer.GroupNorm) && Pairs.Select(pair => layout.Blocks[pair.To - 1].OutChannels).FirstOrDefault(channels => channels % 32 != 0) is var odd and > 0)
        {
            throw new ArgumentException($"feedback layers: group norm has 32 groups, an encoder block has {odd} channels");
        }
    }

    /// <summary>As <see cref="FromJson"/> reads it.</summary>
    public JsonObject ToJson() => new()
    {
        ["strategy"] = Strategy,
        ["pairs"] = new JsonArray([.. Pairs.Select(pair => new JsonObject { ["from"] = pair.From, ["to"] = pair.To })]),
        ["layers"] = new JsonArray([.. Layers.Select(layer => (JsonNode)layer.ToString())]),
    };

    public static FeedbackConfig FromJson(JsonNode json) => new()
    {
        Strategy = (string)json["strategy"]!,
        Pairs = [.. json["pairs"]!.AsArray().Select(pair => new FeedbackPair((int)pair!["from"]!, (int)pair["to"]!))],
        Layers = [.. json["layers"]!.AsArray().Select(layer => Enum.Parse<FeedbackLayer>((string)layer!))],
    };
}
