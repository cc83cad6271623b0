using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>The recipes of fine-tuning, under the names of <see cref="HeadRecipes"/>.</summary>
public static class FineTuneRecipes
{
    /// <summary>All but those that fit a head to features that stay as they are.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. HeadRecipes.Names.Where(name => !IsFit(name))];

    /// <param name="name">One of <see cref="Names"/>.</param> <param name="attention">True for attention heads, false for linear ones and MLPs.</param>
    /// <exception cref="ArgumentException">Another name.</exception>
    public static (HeadRecipe Recipe, TuningConfig Tuning) Get(string name, bool attention)
    {
        var probing = HeadRecipes.Get(name, attention);
        return name switch
        {
            _ when IsFit(name) => throw new ArgumentException($"recipe '{name}' fits a head to features that stay as they are, and would leave the net untrained: to fine-tune, known are {string.Join(", ", Names)}"),
            "default" => (probing with { About = "ours: AdamW, half a cosine, three quarters of the learning rate a block downwards", LearningRates = [5e-4], UsualRate = null, WeightDecays = [0.05] }, new() { LayerDecay = 0.75 }),
            "2307.08702" => (probing with
            {
                About = "Adam, 28 epochs, times 0.1 every 8, as for probing (the paper gives no other settings); batch norm before the linear layer (section 3.3); learning rate 1e-4 and batch 128 are ours",
                LearningRates = [1e-4], UsualRate = null,
            }, new()),
            "2311.17921" => (probing with
            {
                About = "Adam, 28 epochs, times 0.1 every 7, as for probing (the paper gives no other settings); learning rate 1e-4 and batch 128 are ours",
                LearningRates = [1e-4], UsualRate = null,
            }, new()),
            _ => (probing with { About = "SGD without momentum, 28 epochs, times 0.1 every 7, batch 4 x 32, one learning rate for all weights: 1e-3, from a remark in the released code", LearningRates = [1e-3] }, new()),
        };
    }

    /// <summary>The same for a head with feedback, to which the released script gives a smaller batch.</summary>
    /// <inheritdoc cref="Get"/>
    public static (HeadRecipe Recipe, TuningConfig Tuning) Feedback(string name)
    {
        var (recipe, tuning) = Get(name, attention: true);
        return name != "released-code" ? (recipe, tuning) : (recipe with { About = recipe.About.Replace("4 x 32", "4 x 4"), BatchSize = HeadRecipes.Feedback(name).BatchSize }, tuning);
    }

    static bool IsFit(string name) => HeadRecipes.Get(name, attention: false).Optimizer == OptimizerKind.Lbfgs;

    /// <summary>The head of a recipe of probing as that of fine-tuning.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    public static HeadConfig Head(string name, HeadConfig probing) => (name, probing) switch
    {
        ("2307.08702", LinearConfig { Hidden.Count: 0 } linear) => linear with { BatchNorm = true },
        _ => probing,
    };
}
