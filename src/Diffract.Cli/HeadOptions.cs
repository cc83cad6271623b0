using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs say which head is trained and how.</summary>
sealed class HeadOptions
{
    public Option<string> Head { get; } = new("--head") { Description = "linear, mlp, attention or (train only) diffeed", DefaultValueFactory = _ => "linear" };
    public Option<string?> Hidden { get; } = new("--hidden") { Description = "Widths of an MLP's hidden layers, such as 4096,2048", HelpName = "LIST" };
    public Option<string> Recipe { get; } = new("--recipe") { Description = string.Join(", ", HeadRecipes.Names), DefaultValueFactory = _ => "default" };
    public Option<string?> ConfigFile { get; } = new("--head-config") { Description = "The head as JSON instead of the recipe's", HelpName = "FILE" };
    public Option<int?> Epochs { get; } = new("--epochs") { Description = "Instead of the recipe's" };
    public Option<int?> Batch { get; } = new("--train-batch") { Description = "Instead of the recipe's" };
    public Option<string?> Rates { get; } = new("--lr") { Description = "Learning rates to choose among, instead of the recipe's", HelpName = "LIST" };
    public Option<string?> Decays { get; } = new("--decay") { Description = "Weight decays to choose among", HelpName = "LIST" };
    public Option<bool> Average { get; } = new("--average") { Description = "Test with logits averaged over the draws of noise (and a store's views)" };

    public IEnumerable<Option> All => [Head, Hidden, Recipe, ConfigFile, Epochs, Batch, Rates, Decays, Average];

    public bool IsAttention(ParseResult arguments) => arguments.GetValue(Head) switch
    {
        "linear" or "mlp" => false,
        "attention" or FeedbackOptions.Kind => true,
        var kind => throw new ArgumentException($"--head {kind}: expected linear, mlp, attention or diffeed"),
    };

    /// <summary>A recipe with what the command line says instead.</summary>
    /// <param name="choose">False takes the recipe's usual learning rate and weight decay where the command line names none.</param>
    public HeadRecipe Settings(ParseResult arguments, HeadRecipe recipe, ulong seed, bool choose)
    {
        recipe = choose ? recipe : recipe.WithoutChoice();
        return recipe with
        {
            Epochs = arguments.GetValue(Epochs) ?? recipe.Epochs,
            BatchSize = arguments.GetValue(Batch) ?? recipe.BatchSize,
            LearningRates = arguments.GetValue(Rates) is { } r ? Reals("--lr", r) : recipe.LearningRates,
            WeightDecays = arguments.GetValue(Decays) is { } d ? Reals("--decay", d) : recipe.WeightDecays,
            Seed = seed,
        };
    }

    /// <summary>The head that the options describe, to be completed by a source.</summary>
    /// <param name="standard">The recipe's.</param>
    public HeadConfig Config(ParseResult arguments, HeadConfig standard)
    {
        if (arguments.GetValue(ConfigFile) is { } file)
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            return HeadConfig.Parse(document.RootElement, file);
        }
        return arguments.GetValue(Head) != "mlp" ? standard
            : standard is LinearConfig linear && arguments.GetValue(Hidden) is { } widths ? linear with { Hidden = FeatureOptions.Numbers("--hidden", widths, ascending: false) }
            : throw new ArgumentException("--head mlp needs --hidden, such as --hidden 4096,2048");
    }

    static double[] Reals(string option, string text) => [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new ArgumentException($"{option} {text}: '{part}' is not a number of at least 0"))];
}
