using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs say which heads are trained and how.</summary>
sealed class HeadOptions
{
    /// <summary>Side of the pooled maps of a linear head or MLP where nothing else is said.</summary>
    public const int UsualPool = 2;

    /// <summary>Why --pool is refused.</summary>
    public const string NoPool = "is for linear heads and MLPs by name: others read whole maps, or say theirs themselves";

    public Option<string[]> Head { get; } = new("--head") { Description = $"{HeadName.Known}; given several times: heads that are trained together; diffeed, alone: see --feedback", DefaultValueFactory = _ => ["linear"], HelpName = "NAME" };
    public Option<string?> Grid { get; } = new("--grid") { Description = "Heads to train together, as a JSON list", HelpName = "FILE" };
    public Option<string?> Hidden { get; } = new("--hidden") { Description = "Widths of an MLP's hidden layers, such as 4096,2048", HelpName = "LIST" };
    public Option<string> Recipe { get; } = new("--recipe") { Description = string.Join(", ", HeadRecipes.Names), DefaultValueFactory = _ => "default" };
    public Option<string?> ConfigFile { get; } = new("--head-config") { Description = "The head as JSON instead of the recipe's", HelpName = "FILE" };
    public Option<int?> Epochs { get; } = new("--epochs") { Description = "Instead of the recipe's" };
    public Option<int?> Batch { get; } = new("--train-batch") { Description = "Instead of the recipe's" };
    public Option<string?> Rates { get; } = new("--lr") { Description = "Learning rates to choose among, instead of the recipe's", HelpName = "LIST" };
    public Option<string?> Decays { get; } = new("--decay") { Description = "Weight decays to choose among", HelpName = "LIST" };
    public Option<bool> Average { get; } = new("--average") { Description = "Test with logits averaged over the draws of noise (and a store's views)" };

    public IEnumerable<Option> All => [Head, Grid, Hidden, Recipe, ConfigFile, Epochs, Batch, Rates, Decays, Average];

    /// <summary>The heads that are asked for.</summary>
    /// <param name="pool">As the command line has it; null: not given.</param>
    public IReadOnlyList<GridLine> Lines(ParseResult arguments, int? pool)
    {
        if (arguments.GetValue(Grid) is { } grid)
        {
            return arguments.GetResult(Head) is { Implicit: false } || arguments.GetValue(ConfigFile) is not null ? throw new ArgumentException("--grid names the heads; leave --head and --head-config out")
                : HeadGrid.Read(grid, arguments.GetValue(Recipe)!);
        }
        if (arguments.GetValue(Head)!.Contains(FeedbackOptions.Kind))
        {
            throw new ArgumentException($"--head {FeedbackOptions.Kind} is trained alone: give it without other heads");
        }
        var hidden = arguments.GetValue(Hidden) is { } widths ? FeatureOptions.Numbers("--hidden", widths, ascending: false) : [];
        if (hidden.Length > 0 && !HasMlp(arguments))
        {
            throw new ArgumentException($"--hidden is for --head mlp, not {string.Join(", ", arguments.GetValue(Head)!)}");
        }
        if (arguments.GetValue(ConfigFile) is { } file)
        {
            var config = FromFile(file);
            return [new(config.Kind, null, config)];
        }
        return [.. arguments.GetValue(Head)!.Select(HeadName.Parse).Select(name => new GridLine(name.ToString(), new NamedHead(name, arguments.GetValue(Recipe)!) { Pool = pool, Hidden = hidden }, null))];
    }

    /// <summary>The recipe that a head names.</summary>
    /// <param name="head">Of the line.</param> <param name="fromStore">A store holds its features.</param>
    public HeadRecipe RecipeOf(ParseResult arguments, GridLine line, HeadConfig head, bool fromStore)
    {
        var recipe = line.Named?.Settings ?? HeadRecipes.Get(arguments.GetValue(Recipe)!, attention: head is not LinearConfig);
        var inSteps = line.LearningRates is not null || new Option[] { Rates, Epochs, Batch }.Any(option => arguments.GetResult(option) is { Implicit: false });
        return fromStore && !inSteps ? HeadRecipes.OnStore(recipe, head) : recipe;
    }

    /// <summary>A recipe with what the command line says instead.</summary>
    /// <param name="choose">False takes the recipe's usual learning rate and weight decay where the command line names none.</param>
    public HeadRecipe Settings(ParseResult arguments, HeadRecipe recipe, ulong seed, bool choose)
    {
        if (recipe.Name == "logistic" && new Option[] { Rates, Epochs, Batch }.FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } stray)
        {
            throw new ArgumentException($"{stray.Name}: --recipe logistic fits a head to its optimum, without steps; --recipe default takes steps");
        }
        if (recipe.Name == "logistic" && !choose)
        {
            throw new ArgumentException("--recipe logistic fits a head to features that stay as they are, in a store; with --live or feedback name another recipe");
        }
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

    /// <summary>True where one of the heads is an MLP, by name.</summary>
    public bool HasMlp(ParseResult arguments) => arguments.GetValue(Head)!.Any(name => name.StartsWith("mlp", StringComparison.OrdinalIgnoreCase));

    /// <summary>A file that describes a head stands for its name; with feedback it describes the reader.</summary>
    /// <exception cref="ArgumentException">Both are given.</exception>
    public void RefuseTwice(ParseResult arguments)
    {
        if (arguments.GetValue(ConfigFile) is { } file && arguments.GetResult(Head) is { Implicit: false } && !HasFeedback(arguments))
        {
            throw new ArgumentException($"--head-config {file} describes the whole head; leave --head out");
        }
    }

    /// <summary>True where --pool tells a head's: of a linear one or an MLP, by name.</summary>
    public bool TakesPool(ParseResult arguments) => arguments.GetValue(Grid) is null && arguments.GetValue(ConfigFile) is null
        && arguments.GetValue(Head)!.Any(name => name.StartsWith("linear", StringComparison.OrdinalIgnoreCase) || name.StartsWith("mlp", StringComparison.OrdinalIgnoreCase));

    /// <summary>True where the head is to have feedback (DifFeed).</summary>
    public bool HasFeedback(ParseResult arguments) => arguments.GetValue(Head) is [FeedbackOptions.Kind];

    /// <summary>The head on a second pass's maps: --head-config's, or the recipe's attention head.</summary>
    /// <param name="maps">The whole maps that it reads.</param>
    public HeadConfig Reader(ParseResult arguments, int steps, IReadOnlyList<FeatureSpec> maps) => arguments.GetValue(ConfigFile) is { } file ? FromFile(file)
        : new NamedHead(HeadName.Parse("attention"), arguments.GetValue(Recipe)!).Config(steps, maps, poolAtHand: 1);

    static HeadConfig FromFile(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        var head = HeadConfig.Parse(document.RootElement, path);
        return head is FeedbackHeadConfig || head.Ts.Count + head.Blocks.Count + head.Classes == 0 ? head
            : throw new HeadConfigException($"{path}: names ts, blocks or classes; leave them out: --t, --blocks and the pictures say them");
    }

    static double[] Reals(string option, string text) => [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new ArgumentException($"{option} {text}: '{part}' is not a number of at least 0"))];
}
