using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A table of results to be made: rows that share a backbone, data sets, features and a way to train. Read from JSON by <see cref="RecipeReader"/>.</summary>
public sealed record Recipe
{
    /// <summary>The file's name without its ending.</summary>
    public required string Name { get; init; }
    /// <summary>What it shows, in a sentence.</summary>
    public required string About { get; init; }
    /// <summary>The table or figure it stands for, such as "2307.08702, Table 1"; null where it is ours.</summary>
    public string? Source { get; init; }
    /// <summary>A checkpoint, or the name of a published one.</summary>
    public required string Model { get; init; }
    public required IReadOnlyList<RecipeData> Data { get; init; }
    /// <summary>Each row is trained once for each: initial weights, order of the pictures, held-out part and choice of few labels follow from it.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [0];
    public required IReadOnlyList<RecipeRow> Rows { get; init; }
    /// <summary>As it was read, overrides applied, for results.</summary>
    public required JsonObject Json { get; init; }
}

/// <summary>A data set: a column of the table.</summary>
/// <param name="Train">Training pictures that its authors count; null: not stated.</param> <param name="Test">Test pictures.</param>
/// <param name="Share">Part of each class's training pictures that is used at all, above 0 to 1, chosen by the seed; null: all.</param>
public sealed record RecipeData(string Name, int? Classes = null, long? Train = null, long? Test = null, double? Share = null);

/// <summary>How a row's figure comes about.</summary>
public enum RecipeMethod
{
    /// <summary>A head on features of the frozen net.</summary>
    Head,
    /// <summary>Nearest neighbours: nothing trained.</summary>
    Neighbours,
    /// <summary>DifFeed: feedback layers and a head, two passes of the frozen net.</summary>
    Feedback,
    /// <summary>The net itself is trained with its head.</summary>
    FineTune,
}

/// <summary>A row of the table.</summary>
public sealed record RecipeRow
{
    public required string Name { get; init; }
    public RecipeMethod Method { get; init; }
    /// <summary>Kind and settings of the head; null for nearest neighbours, and where it is named.</summary>
    public HeadConfig? Head { get; init; }
    /// <summary>The head by a name of the papers, which with the maps and the training recipe tells its settings.</summary>
    public HeadName? HeadName { get; init; }
    public required RecipeFeatures Features { get; init; }
    public required RecipeTraining Training { get; init; }
    public RecipeNeighbours Neighbours { get; init; } = new();
    /// <summary>Of rows of method feedback, and of fine-tuned ones that name it; null: none.</summary>
    public RecipeFeedback? Feedback { get; init; }
    /// <summary>For fine-tuning: a block's learning rate over that of the block after it; null: as the training recipe has it.</summary>
    public double? LayerDecay { get; init; }
    /// <summary>Steps, blocks, pools and epochs to choose among on held-out training pictures; null: nothing is chosen.</summary>
    public RecipeChoice? Choose { get; init; }
    /// <summary>What the source says, by name of the data set.</summary>
    public IReadOnlyDictionary<string, PaperFigure> Paper { get; init; } = new Dictionary<string, PaperFigure>();
    /// <summary>The row with what it takes over from the recipe.</summary>
    public required JsonObject Json { get; init; }

    /// <summary>"linear", "mlp", "cnn", "attention", "difformer" or "knn".</summary>
    public string Kind => Method == RecipeMethod.Neighbours ? "knn" : HeadName?.Kind ?? Head?.Kind ?? "";

    /// <summary>True where features are computed once and kept: for DifFeed the maps of its first pass.</summary>
    public bool ReadsStore => Method != RecipeMethod.FineTune && !Features.Fresh;

    /// <summary>The list of training pictures that the row is trained on; null: it is not trained, or its pictures are not listed.</summary>
    internal TrainSubset.Listed? List => Method == RecipeMethod.Neighbours ? null : Training.Subset as TrainSubset.Listed;

    /// <summary>True where an epoch of training runs the net, so that learning rate and weight decay are chosen only where the row names several.</summary>
    public bool RunsNet => !ReadsStore || Feedback is not null;

    /// <summary>Sets of maps that the row may read: one, or those it chooses among.</summary>
    public IEnumerable<FeatureUse> Uses(UNetLayout layout) => (Choose ?? new()).Uses(this, layout);

    /// <summary>The row's one setting, or those it chooses among.</summary>
    public IReadOnlyList<RowSetting> Settings(UNetLayout layout) =>
        [.. Choose?.Epochs is { } epochs ? Uses(layout).SelectMany(use => epochs.Select(count => new RowSetting(use, count))) : Uses(layout).Select(use => new RowSetting(use))];

    /// <summary>The maps that a store keeps for a use: those that are read, or with feedback the whole ones of the first pass.</summary>
    /// <exception cref="ArgumentException">The net lacks a block that feeds back.</exception>
    internal FeatureUse Kept(FeatureUse use, UNetLayout layout) => Feedback is not { } feedback ? use
        : use with { Blocks = FeedbackExtractor.FirstPassBlocks(feedback.On(layout), layout, use.Blocks), Pool = 0 };

    /// <summary>The row's head for some maps of a net, classes and maps yet to be filled in; null for nearest neighbours.</summary>
    /// <param name="use">Its pool holds for linear heads and MLPs that do not tell theirs.</param>
    /// <exception cref="HeadConfigException">The head's name does not fit the maps.</exception>
    public HeadConfig? HeadFor(FeatureUse use, UNetLayout layout)
    {
        var head = Head;
        if (HeadName is { } name)
        {
            var side = Features.Size ?? layout.Config.ImageSize;
            head = new NamedHead(name, Training.Recipe).Config(use.T.Count, [.. use.Blocks.Select(block => FeatureSpec.Of(layout, block, side, side))], Math.Max(1, use.Pool));
            head = Method == RecipeMethod.FineTune ? FineTuneRecipes.Head(Training.Recipe, head) : head;
        }
        return head is LinearConfig linear && Choose?.Pools is not null && use.Pool > 0 ? linear with { Pool = use.Pool } : head;
    }

    /// <summary>What is trained: the head, or feedback layers in front of it.</summary>
    /// <inheritdoc cref="HeadFor"/>
    internal HeadConfig TrainedFor(FeatureUse use, UNetLayout layout)
    {
        var head = HeadFor(use, layout)!;
        return Feedback is not { } feedback ? head : new FeedbackHeadConfig { Net = layout.Config, Feedback = feedback.On(layout), Reader = head, ReadBlocks = use.Blocks };
    }

    /// <summary>How the row is trained: as its training recipe says for its method, but for what it says itself.</summary>
    /// <param name="head">Null for nearest neighbours.</param> <param name="epochs">Null: as the row or its recipe has them.</param>
    internal HeadRecipe RecipeFor(HeadConfig? head, ulong seed, int? epochs = null)
    {
        var attention = head is not null and not LinearConfig;
        var known = (Method, Feedback) switch
        {
            (RecipeMethod.FineTune, null) => FineTuneRecipes.Get(Training.Recipe, attention).Recipe,
            (RecipeMethod.FineTune, _) => FineTuneRecipes.Feedback(Training.Recipe).Recipe,
            (_, not null) => HeadRecipes.Feedback(Training.Recipe),
            _ when head is not null && ReadsStore && !IsTrainedInSteps => HeadRecipes.OnStore(HeadRecipes.Get(Training.Recipe, attention), head),
            _ => HeadRecipes.Get(Training.Recipe, attention),
        };
        var recipe = Training.Changed(RunsNet ? known.WithoutChoice() : known) with { Seed = seed };
        return epochs is { } count ? recipe with { Epochs = count } : recipe;
    }

    bool IsTrainedInSteps => Choose?.Epochs is not null || Training is not { LearningRates: null, Epochs: null, BatchSize: null, Accumulate: null };

    /// <summary>How the net of a fine-tuned row is trained.</summary>
    internal TuningConfig Tuning
    {
        get
        {
            var known = FineTuneRecipes.Get(Training.Recipe, attention: true).Tuning;
            return known with { LayerDecay = LayerDecay ?? known.LayerDecay, Precision = Features.Precision };
        }
    }

    /// <summary>The pool that the row's head or neighbours need; 0: whole maps.</summary>
    internal int PoolOf(FeatureUse use, UNetLayout layout) => Method == RecipeMethod.Neighbours ? Neighbours.Pool : HeadFor(use, layout) switch
    {
        LinearConfig linear => linear.Pool,
        AttentionConfig { Tokens: TokenConfig.Projected tokens } => tokens.Size,
        _ => 0,
    };
}

/// <summary>Steps and blocks that are read together, and the pool of their maps (0: whole).</summary>
public sealed record FeatureUse(IReadOnlyList<int> T, IReadOnlyList<int> Blocks, int Pool);

/// <summary>What a row reads.</summary>
public sealed record RecipeFeatures
{
    public IReadOnlyList<int> T { get; init; } = [];
    public IReadOnlyList<int> Blocks { get; init; } = [];
    /// <summary>Draws of noise kept for each picture.</summary>
    public int Draws { get; init; } = 1;
    /// <summary>Mirrored pictures too.</summary>
    public bool Flip { get; init; }
    /// <summary>Noise drawn anew each epoch, as the papers have it, instead of stored draws.</summary>
    public bool Fresh { get; init; }
    /// <summary>Where training looks, with fresh noise; null: as the training recipe's source has it.</summary>
    public CropKind? Crop { get; init; }
    /// <summary>Test with means over draws and views.</summary>
    public bool Average { get; init; }
    public DType Precision { get; init; } = DType.BFloat16;
    public DType StoredAs { get; init; } = DType.Float16;
    /// <summary>Side of the net's input in pixels; null: the net's own.</summary>
    public int? Size { get; init; }
    /// <summary>Of the noise.</summary>
    public ulong Seed { get; init; }
}

/// <summary>How a row's head is trained: one of the known ways, and what is changed of it.</summary>
public sealed record RecipeTraining
{
    public string Recipe { get; init; } = "default";
    public IReadOnlyList<double>? LearningRates { get; init; }
    public IReadOnlyList<double>? WeightDecays { get; init; }
    public int? Epochs { get; init; }
    public int? BatchSize { get; init; }
    /// <summary>Parts of a batch whose gradients are added up; null: one.</summary>
    public int? Accumulate { get; init; }
    /// <summary>Which training pictures; null: all.</summary>
    public TrainSubset? Subset { get; init; }

    /// <summary>A way to train with what is changed of it.</summary>
    public HeadRecipe Changed(HeadRecipe known) => known with
    {
        LearningRates = LearningRates ?? known.LearningRates, WeightDecays = WeightDecays ?? known.WeightDecays,
        Epochs = Epochs ?? known.Epochs, BatchSize = BatchSize ?? known.BatchSize, Accumulate = Accumulate ?? known.Accumulate,
    };
}

/// <summary>How neighbours vote.</summary>
public sealed record RecipeNeighbours
{
    public int K { get; init; } = 20;
    public int Pool { get; init; } = 1;
    public bool Majority { get; init; }
    public double Temperature { get; init; } = 0.07;
}

/// <summary>DifFeed's feedback: a strategy, or blocks by number.</summary>
public sealed record RecipeFeedback
{
    public string Strategy { get; init; } = "bottleneck";
    public IReadOnlyList<int>? Blocks { get; init; }
    /// <summary>Layers in the released code's letters.</summary>
    public string Layers { get; init; } = "C_B_R";

    /// <exception cref="ArgumentException">The net lacks a block that is named, or the layers are none.</exception>
    internal FeedbackConfig On(UNetLayout layout) =>
        FeedbackConfig.Of(FeedbackStrategy.Parse(Blocks is null ? Strategy : string.Join(',', Blocks)), layout) with { Layers = FeedbackConfig.ParsePlainLayers(Layers) };
}

/// <summary>Steps, blocks, pools and epochs of which each is tried with each; null: the row's own.</summary>
public sealed record RecipeChoice(IReadOnlyList<int>? T = null, IReadOnlyList<int>? Blocks = null, IReadOnlyList<int>? Pools = null, IReadOnlyList<int>? Epochs = null)
{
    internal IEnumerable<FeatureUse> Uses(RecipeRow row, UNetLayout layout) =>
        from t in Each(T, row.Features.T)
        from blocks in Each(Blocks, row.Features.Blocks)
        from pool in Pools ?? [row.PoolOf(new(t, blocks, 0), layout)]
        select new FeatureUse(t, blocks, pool);

    static IEnumerable<IReadOnlyList<int>> Each(IReadOnlyList<int>? candidates, IReadOnlyList<int> own) => candidates is null ? [own] : candidates.Select(candidate => new[] { candidate });
}

/// <summary>Accuracies in %, as a paper prints them.</summary>
public sealed record PaperFigure(double Top1, double? Top5 = null);

/// <summary>A recipe cannot be used; the message names every fault.</summary>
public sealed class RecipeException(string message) : Exception(message);
