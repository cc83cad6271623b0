using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs say on which of the training pictures they train.</summary>
sealed class SubsetOptions
{
    public Option<int?> PerClass { get; } = new("--per-class") { Description = "Train on N pictures a class, chosen by the seed" };
    public Option<double?> Fraction { get; } = new("--fraction") { Description = "Train on a part of each class, such as 0.01, chosen by the seed" };
    public Option<string?> Subset { get; } = new("--subset") { Description = "Train on the pictures that a list names, a file name a line", HelpName = "FILE" };

    public IEnumerable<Option> All => [PerClass, Fraction, Subset];

    /// <returns>Null: all pictures.</returns>
    /// <exception cref="ArgumentException">More than one is given.</exception>
    public TrainSubset? Value(ParseResult arguments)
    {
        List<TrainSubset> asked = [];
        if (arguments.GetValue(PerClass) is { } count) { asked.Add(new TrainSubset.PerClass(count)); }
        if (arguments.GetValue(Fraction) is { } share) { asked.Add(new TrainSubset.Fraction(share)); }
        if (arguments.GetValue(Subset) is { } list) { asked.Add(TrainSubset.Listed.Read(list)); }
        return asked.Count <= 1 ? asked.FirstOrDefault() : throw new ArgumentException("--per-class, --fraction and --subset each choose the training pictures; give one of them");
    }

    /// <summary>Items without the training pictures that are not asked for, and what the training on all that remain is to be told.</summary>
    /// <inheritdoc cref="Value"/>
    public (ExtractItems Items, TrainSubset? Subset) Narrow(ParseResult arguments, ExtractItems items, ulong seed) =>
        Value(arguments) is { } subset ? (subset.Narrow(items, seed), new TrainSubset.Narrowed(subset)) : (items, null);
}
