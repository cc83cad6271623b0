using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which `train` is told which heads to train and how.</summary>
sealed class HeadOptions(FeatureOptions features)
{
    public Option<string[]> Head { get; } = new("--head") { Description = $"{HeadName.Known}; given several times: heads that are trained in one pass", DefaultValueFactory = _ => ["linear"], HelpName = "NAME" };
    public Option<string?> Hidden { get; } = new("--hidden") { Description = "Widths of an MLP's hidden layers, such as 4096,2048", HelpName = "LIST" };
    public Option<string> Recipe { get; } = new("--recipe") { Description = string.Join(", ", HeadRecipes.Names), DefaultValueFactory = _ => "default" };
    public Option<string?> Config { get; } = new("--head-config") { Description = "The head as JSON instead of the recipe's", HelpName = "FILE" };
    public Option<int?> Epochs { get; } = new("--epochs") { Description = "Instead of the recipe's" };
    public Option<int?> Batch { get; } = new("--train-batch") { Description = "Instead of the recipe's" };
    public Option<string?> Rates { get; } = new("--lr") { Description = "Learning rates to choose among, instead of the recipe's", HelpName = "LIST" };
    public Option<string?> Decays { get; } = new("--decay") { Description = "Weight decays to choose among", HelpName = "LIST" };
    public Option<bool> Average { get; } = new("--average") { Description = "Test with logits averaged over the draws of noise (and a store's views)" };

    public IEnumerable<Option> All => [Head, Hidden, Recipe, Config, Epochs, Batch, Rates, Decays, Average];

    /// <summary>The heads for certain maps.</summary>
    /// <param name="ts">Steps at hand.</param> <param name="maps">Whole maps at hand.</param> <param name="pools">Pools at hand.</param>
    /// <param name="choose">False takes the recipe's usual learning rate and weight decay where the command line names none.</param>
    public IReadOnlyList<TrainHeadRequest> Requests(ParseResult arguments, IReadOnlyList<int> ts, IReadOnlyList<FeatureSpec> maps, IReadOnlyList<int> pools, bool choose = true)
    {
        bool Given(Option option) => arguments.GetResult(option) is { Implicit: false };
        var t = Given(features.T) ? FeatureOptions.Numbers("--t", arguments.GetValue(features.T)!) : null;
        var blocks = features.BlockList(arguments);
        var read = blocks is null ? maps : [.. maps.Where(map => blocks.Contains(map.Block))];
        return [.. arguments.GetValue(Head)!.Select(text => Named(arguments, text)).Select(named => new TrainHeadRequest(
            Given(Config) ? FromFile(arguments.GetValue(Config)!) : named.Config((t ?? ts).Count, read.Count > 0 ? read : maps, pools[0]),
            Settings(arguments, choose ? named.Settings : named.Settings.WithoutChoice()))
        {
            T = t, Blocks = blocks, AverageLooks = arguments.GetValue(Average),
        })];
    }

    NamedHead Named(ParseResult arguments, string name) => new(HeadName.Parse(name), arguments.GetValue(Recipe)!)
    {
        Pool = arguments.GetResult(features.Pool) is { Implicit: false } ? FeatureOptions.Numbers("--pool", arguments.GetValue(features.Pool)!)[0] : null,
        Hidden = arguments.GetValue(Hidden) is { } widths ? FeatureOptions.Numbers("--hidden", widths, ascending: false) : [],
    };

    HeadRecipe Settings(ParseResult arguments, HeadRecipe recipe) => recipe with
    {
        Epochs = arguments.GetValue(Epochs) ?? recipe.Epochs,
        BatchSize = arguments.GetValue(Batch) ?? recipe.BatchSize,
        LearningRates = arguments.GetValue(Rates) is { } rates ? Reals("--lr", rates) : recipe.LearningRates,
        WeightDecays = arguments.GetValue(Decays) is { } decays ? Reals("--decay", decays) : recipe.WeightDecays,
        Seed = arguments.GetValue(features.Seed),
    };

    static HeadConfig FromFile(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return HeadConfig.Parse(document.RootElement, path);
    }

    static double[] Reals(string option, string text) => [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new ArgumentException($"{option} {text}: '{part}' is not a number of at least 0"))];
}
