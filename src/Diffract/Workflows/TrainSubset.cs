using System.Security.Cryptography;
using System.Text;
using Diffract.Data;
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
        public override string ToString() => $"{Count} training pictures of each class, all of a class that has fewer";
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

        /// <summary>Of the names in their order.</summary>
        public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Names))));

        public override string ToString() => $"the {Names.Count} training pictures listed in {Path.GetFileName(Source)}";
    }

    /// <summary>All that are there, since <see cref="Narrow"/> has left the others out.</summary>
    public sealed record Narrowed(TrainSubset Chosen) : TrainSubset
    {
        public override string ToString() => Chosen.ToString();
    }

    /// <summary>The rows of <paramref name="rows"/> that belong to it, ascending.</summary>
    /// <exception cref="TrainException">A share or count is out of range, or a name fits no picture or several.</exception>
    public int[] Of(HeadSource source, int[] rows, ulong seed) => Choose(new Pictures(source.Name, row => source.Labels[row], row => source.Files[row]), rows, seed);

    /// <summary>The same items without the training pictures that do not belong to it, so that only what is trained on goes through the net; test pictures stay, a validation part, whose labels are others, does not.</summary>
    /// <param name="seed">Chooses the pictures that it chooses in training.</param>
    /// <exception cref="TrainException">As for <see cref="Of(HeadSource, int[], ulong)"/>.</exception>
    public ExtractItems Narrow(ExtractItems items, ulong seed)
    {
        int[] train = [.. Enumerable.Range(0, items.Items.Count).Where(row => items.Items[row].Split == PictureSplit.Train)];
        PictureItem Picture(int row) => items.Set.Items[items.Items[row].Item];
        HashSet<int> kept = [.. Choose(new Pictures(items.Set.Name, row => Picture(row).Class, row => Picture(row).Path), train, seed)];
        return items with
        {
            Items = [.. items.Items.Where((item, row) => kept.Contains(row) || item.Split == PictureSplit.Test)],
            Decision = $"{items.Decision} Of the {train.Length} training pictures {kept.Count} are used: {this}.",
        };
    }

    // Rows as far as a choice looks at them.
    sealed record Pictures(string Name, Func<int, long> Label, Func<int, string> File);

    int[] Choose(Pictures source, int[] rows, ulong seed) => this switch
    {
        PerClass { Count: < 1 } or Fraction { Share: not (> 0 and <= 1) } => throw new TrainException($"{this}: expected at least 1 picture, or a share in (0, 1]"),
        PerClass few => Ranked(source, rows, seed, _ => few.Count),
        Fraction part => Ranked(source, rows, seed, count => Math.Max(1, (int)Math.Round(count * part.Share))),
        Listed list => Named(source, rows, list),
        _ => rows,
    };

    static int[] Ranked(Pictures source, int[] rows, ulong seed, Func<int, int> most) =>
        [.. rows.GroupBy(row => source.Label(row)).SelectMany(own => own.OrderBy(row => Seeds.Of(seed, (ulong)row, purpose: 8)).Take(most(own.Count()))).Order()];

    static int[] Named(Pictures source, int[] rows, Listed list)
    {
        var byName = rows.ToLookup(row => Path.GetFileName(source.File(row)), StringComparer.Ordinal);
        int[][] found = [.. list.Names.Select(name => byName[Path.GetFileName(name)].Where(row => Fits(source.File(row), name)).ToArray())];
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
