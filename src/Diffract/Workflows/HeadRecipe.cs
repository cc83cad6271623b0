using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary><see cref="Lbfgs"/> fits a linear head to its optimum on all rows at once: no learning rate, no epochs; the weight decay is the penalty.</summary>
public enum OptimizerKind { Sgd, Adam, AdamW, Lbfgs }

public enum DecayKind { Steps, Cosine }

/// <summary>How a head is trained. Where several learning rates or weight decays are given, the best on held-out training pictures is taken.</summary>
public sealed record HeadRecipe
{
    public required string Name { get; init; }
    /// <summary>The source of the settings, and which of them are ours.</summary>
    public required string About { get; init; }
    public required OptimizerKind Optimizer { get; init; }
    public required IReadOnlyList<double> LearningRates { get; init; }
    public IReadOnlyList<double> WeightDecays { get; init; } = [0];
    /// <summary>The learning rate for runs that do not choose, ours; null: the first of <see cref="LearningRates"/>.</summary>
    public double? UsualRate { get; init; }
    public int Epochs { get; init; } = 28;
    public int BatchSize { get; init; } = 128;
    /// <summary>Parts of a batch whose gradients are added up, for less memory.</summary>
    public int Accumulate { get; init; } = 1;
    public DecayKind Decay { get; init; } = DecayKind.Steps;
    /// <summary>Epochs between the steps of <see cref="DecayKind.Steps"/>, each times 0.1.</summary>
    public int DecayEvery { get; init; } = 7;
    /// <summary>Share of each class's training pictures on which candidates are compared, where the data has no validation part.</summary>
    public double HeldOut { get; init; } = 0.15;
    public ulong Seed { get; init; }

    /// <exception cref="ArgumentException">Settings are out of range; all of them are named.</exception>
    public void Check()
    {
        List<string> faults = [];
        void Expect(bool good, FormattableString fault) { if (!good) { faults.Add(fault.ToString(CultureInfo.InvariantCulture)); } }
        Expect(Epochs >= 1, $"epochs {Epochs}: expected 1 or more");
        Expect(BatchSize >= 1, $"batch {BatchSize}: expected 1 picture or more");
        Expect(Accumulate >= 1, $"accumulate {Accumulate}: expected 1 part or more");
        foreach (var rate in LearningRates) { Expect(rate > 0 && double.IsFinite(rate), $"learning rate {rate}: expected one above 0"); }
        Expect(Optimizer != OptimizerKind.Adam || WeightDecays.All(decay => decay == 0), $"weight decay {string.Join(", ", WeightDecays)}: recipe {Name} is Adam, without decay; recipe default is AdamW, with it");
        Expect(Optimizer != OptimizerKind.Lbfgs || WeightDecays.All(decay => decay > 0), $"weight decay {string.Join(", ", WeightDecays)}: of recipe {Name} it is the penalty, and without one separable classes have no optimum; expected some above 0");
        foreach (var decay in WeightDecays) { Expect(decay >= 0 && double.IsFinite(decay), $"weight decay {decay}: expected 0 or more"); }
        if (faults.Count > 0) { throw new ArgumentException(string.Join("; ", faults)); }
    }

    /// <summary>A head that is linear, as stacked training and <see cref="OptimizerKind.Lbfgs"/> need it.</summary>
    /// <exception cref="HeadConfigException">It is not.</exception>
    public LinearConfig Linear(HeadConfig head) => head is LinearConfig { Hidden.Count: 0 } linear ? linear
        : throw new HeadConfigException($"recipe {Name} fits linear heads only, the head is {head.Kind}. Choose another recipe: {string.Join(", ", HeadRecipes.Names.Where(name => name != Name))}.");

    public IReadOnlyList<GridCandidate> Candidates => [.. from rate in LearningRates from decay in WeightDecays select new GridCandidate(rate, decay)];

    /// <summary>Epochs after which candidates that cost a training each are compared: a third of the recipe's, but at least 2 where it has as many.</summary>
    public int ChoiceEpochs => IsComparedWhole ? Epochs : Math.Min(Epochs, Math.Max(2, Epochs / 3));

    /// <summary>Candidates are compared after all epochs, where their number is itself a choice.</summary>
    internal bool IsComparedWhole { get; init; }

    internal static string Spell(int epochs) => epochs == 1 ? "1 epoch" : $"{epochs} epochs";

    /// <summary>The same with one learning rate and weight decay, for sources where each candidate costs a pass over the pictures an epoch.</summary>
    public HeadRecipe WithoutChoice() => this with { LearningRates = [UsualRate ?? LearningRates[0]], WeightDecays = [WeightDecays[0]] };

    public JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["about"] = About,
        ["optimizer"] = Optimizer.ToString(),
        ["learningRates"] = new JsonArray([.. LearningRates.Select(v => (JsonNode)v)]),
        ["weightDecays"] = new JsonArray([.. WeightDecays.Select(v => (JsonNode)v)]),
        ["epochs"] = Optimizer == OptimizerKind.Lbfgs ? null : Epochs,
        ["batchSize"] = Optimizer == OptimizerKind.Lbfgs ? null : BatchSize,
        ["accumulate"] = Accumulate,
        ["decay"] = Optimizer == OptimizerKind.Lbfgs ? null : Decay == DecayKind.Cosine ? "half a cosine to 0" : $"times 0.1 every {DecayEvery} epochs",
        ["heldOut"] = HeldOut,
        ["seed"] = Seed,
    };
}

/// <summary>The recipes known by name, for each kind of head.</summary>
public static class HeadRecipes
{
    public static readonly IReadOnlyList<string> Names = ["default", "logistic", "2307.08702", "2311.17921", "released-code"];

    static readonly double[] AdamRates = [1e-4, 3e-4, 1e-3, 3e-3];

    /// <param name="name">One of <see cref="Names"/>.</param> <param name="attention">True for attention heads and CNNs, false for linear ones and MLPs.</param>
    /// <exception cref="ArgumentException">Another name.</exception>
    public static HeadRecipe Get(string name, bool attention) => name switch
    {
        "default" => new()
        {
            Name = name,
            About = attention ? "ours: AdamW, half a cosine" : "ours: AdamW on features standardised by batch norm without weights, half a cosine",
            Optimizer = OptimizerKind.AdamW,
            LearningRates = attention ? [3e-4, 1e-3] : [1e-4, 3e-4, 1e-3, 3e-3, 1e-2],
            WeightDecays = attention ? [0.05] : [0, 0.03, 0.3, 3],
            UsualRate = attention ? 3e-4 : 1e-3,
            Decay = DecayKind.Cosine,
        },
        "logistic" => new()
        {
            Name = name, About = "ours: logistic regression by L-BFGS on standardised features, the protocol of CLIP's linear probes; the penalty is chosen on held-out pictures",
            Optimizer = OptimizerKind.Lbfgs, LearningRates = [1], WeightDecays = [0.01, 3, 1, 0.3, 0.1, 0.03, 3e-3, 1e-3, 3e-4, 1e-4],
        },
        "2307.08702" => new()
        {
            Name = name, About = "Adam, 28 epochs, times 0.1 every 8 (section 4); learning rate and batch size are not given: chosen on held-out pictures, and 128, ours",
            Optimizer = OptimizerKind.Adam, LearningRates = attention ? [1e-4, 3e-4, 1e-3] : AdamRates, UsualRate = attention ? 3e-4 : 1e-3, DecayEvery = 8,
        },
        "2311.17921" => new()
        {
            Name = name, About = "Adam, 28 epochs, times 0.1 every 7; learning rate and batch size are not given: chosen on held-out pictures, and 128, ours",
            Optimizer = OptimizerKind.Adam, LearningRates = attention ? [1e-4, 3e-4, 1e-3] : AdamRates, UsualRate = attention ? 3e-4 : 1e-3, DecayEvery = 7,
        },
        "released-code" => new()
        {
            Name = name, About = "SGD without momentum, 28 epochs, times 0.1 every 7, batch 4 x 32, learning rate as in the released scripts",
            Optimizer = OptimizerKind.Sgd, LearningRates = attention ? [5e-2] : [1e-2], DecayEvery = 7,
        },
        _ => throw new ArgumentException($"recipe '{name}': known are {string.Join(", ", Names)}"),
    };

    /// <summary>The recipe for a head whose features a store holds and of which nothing says how to train it in steps: by default a linear one is fitted to its optimum.</summary>
    public static HeadRecipe OnStore(HeadRecipe recipe, HeadConfig head) => recipe.Name == "default" && head is LinearConfig { Hidden.Count: 0 } ? Get("logistic", attention: false) : recipe;

    /// <summary>How a recipe's source crops pictures that go through the net anew each epoch; both papers say the middle, the released code crops anywhere.</summary>
    public static CropKind Crop(string name) => name == "released-code" ? CropKind.Released : CropKind.Centre;

    /// <summary>The same for heads with feedback, to which the released script gives a smaller learning rate and batch.</summary>
    /// <inheritdoc cref="Get"/>
    public static HeadRecipe Feedback(string name) => name != "released-code" ? Get(name, attention: true) : Get(name, attention: true) with
    {
        About = "SGD without momentum, 28 epochs, times 0.1 every 7, batch 4 x 4, learning rate as in the released script for feedback", LearningRates = [1e-2], BatchSize = 16,
    };

    /// <summary>The head of a kind that a recipe's source describes, to be completed with steps, blocks and classes.</summary>
    /// <param name="kind">As in <see cref="HeadName"/>.</param> <param name="pool">For linear heads and MLPs.</param>
    /// <param name="channels">Of the maps, for attention heads that are as wide as they are.</param>
    /// <exception cref="ArgumentException">The source has no such head.</exception>
    public static HeadConfig Head(string name, string kind, int pool, int channels) => (name, kind) switch
    {
        ("default" or "logistic", "linear" or "mlp") => new LinearConfig { Pool = pool, BatchNorm = true },
        (_, "linear" or "mlp") => new LinearConfig { Pool = pool },
        ("released-code", "cnn") => throw new ArgumentException("the released code has no CNN head; take the recipe 2307.08702, which describes it, or default"),
        (_, "cnn") => new CnnConfig { Widths = [channels, channels] },
        ("default", _) => new AttentionConfig { Dim = Math.Clamp(channels / 64 * 64, 64, 1024), Heads = Math.Clamp(channels / 64, 1, 16), Depth = 2, Tokens = new TokenConfig.Projected(16, TokenNorm.Channels) },
        ("2307.08702", _) => new AttentionConfig { Tokens = new TokenConfig.Pooled(2), Dim = channels, Heads = channels % 8 == 0 ? 8 : 1, Depth = 5 },
        _ => new AttentionConfig(),
    };
}
