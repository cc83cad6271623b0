using Diffract.Diffusion;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Which of the training pictures are used: all, or few of each class, or those of a list.</summary>
public abstract record TrainSubset
{
    private TrainSubset() { }

    /// <summary>So many pictures of each class, chosen by the recipe's seed; a class that has fewer gives all.</summary>
    public sealed record PerClass(int Count) : TrainSubset
    {
        public override string ToString() => $"{Count} training pictures of each class";
    }

    /// <summary>A part of each class, chosen by the recipe's seed, at least one picture.</summary>
    /// <param name="Share">In (0, 1].</param>
    public sealed record Fraction(double Share) : TrainSubset
    {
        public override string ToString() => FormattableString.Invariant($"{100 * Share} % of the training pictures of each class");
    }

    /// <summary>Pictures by file name ("n01440764_10026.JPEG") or by the end of their path ("n01440764/n01440764_10026.JPEG").</summary>
    /// <param name="Source">Where the names come from.</param>
    public sealed record Listed(IReadOnlyList<string> Names, string Source) : TrainSubset
    {
        /// <summary>A name a line; empty lines are passed over.</summary>
        public static Listed Read(string path) => new([.. File.ReadLines(path).Select(line => line.Trim().Replace('\\', '/')).Where(line => line.Length > 0)], path);

        public override string ToString() => $"the {Names.Count} training pictures listed in {Path.GetFileName(Source)}";
    }

    /// <summary>The rows of <paramref name="rows"/> that belong to it, ascending.</summary>
    /// <exception cref="TrainException">A share or count is out of range, or a name fits no picture or several.</exception>
    public int[] Of(HeadSource source, int[] rows, ulong seed) => this switch
    {
        PerClass { Count: < 1 } or Fraction { Share: not (> 0 and <= 1) } => throw new TrainException($"{this}: expected at least 1 picture, or a share in (0, 1]"),
        PerClass few => Ranked(source, rows, seed, _ => few.Count),
        Fraction part => Ranked(source, rows, seed, count => Math.Max(1, (int)Math.Round(count * part.Share))),
        Listed list => Named(source, rows, list),
        _ => rows,
    };

    static int[] Ranked(HeadSource source, int[] rows, ulong seed, Func<int, int> most) =>
        [.. rows.GroupBy(row => source.Labels[row]).SelectMany(own => own.OrderBy(row => Seeds.Of(seed, (ulong)row, purpose: 8)).Take(most(own.Count()))).Order()];

    static int[] Named(HeadSource source, int[] rows, Listed list)
    {
        var byName = rows.ToLookup(row => Path.GetFileName(source.Files[row]), StringComparer.Ordinal);
        int[][] found = [.. list.Names.Select(name => byName[Path.GetFileName(name)].Where(row => Fits(source.Files[row], name)).ToArray())];
        foreach (var (what, wrong) in new[] { ("fit no training picture", (Func<int, bool>)(count => count == 0)), ("fit several training pictures; write more of their paths", count => count > 1) })
        {
            string[] names = [.. list.Names.Where((_, i) => wrong(found[i].Length))];
            if (names.Length > 0)
            {
                throw new TrainException($"{list.Source}: {names.Length} of {list.Names.Count} names {what} of {source.Name}: {string.Join(", ", names.Take(5))}{(names.Length > 5 ? ", ..." : "")}");
            }
        }
        return [.. found.Select(one => one[0]).Distinct().Order()];
    }

    static bool Fits(string file, string name) => file == name || file.EndsWith("/" + name, StringComparison.Ordinal);
}
