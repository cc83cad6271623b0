using System.Security.Cryptography;
using System.Text;
using Diffract.Data;
using Diffract.Features;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>Pictures whose features are wanted, each with the split it belongs to, and how that was decided.</summary>
public sealed record ExtractItems(PictureSet Set, IReadOnlyList<(int Item, PictureSplit Split)> Items, string Decision)
{
    /// <summary>Labelled pictures with their splits resolved; of a set without any labels, all pictures.</summary>
    /// <param name="limit">At most so many pictures of each split, spread evenly over the set; null takes all.</param>
    /// <exception cref="PictureException">The set cannot be split; see <see cref="Splits.Resolve"/>.</exception> <exception cref="ArgumentException">The limit is below 1.</exception>
    public static ExtractItems Of(PictureSet set, PictureSet? test = null, ulong seed = 0, int? limit = null)
    {
        CheckLimit(limit);
        if (test is null && set.Items.All(item => item.Class < 0))
        {
            return new(set, Limited(set.Items.Select((_, i) => (i, PictureSplit.None)), limit), "The pictures have no labels.");
        }
        var splits = Splits.Resolve(set, test, seed);
        IEnumerable<(int, PictureSplit)> All(IReadOnlyList<int> indices, PictureSplit split) => Limited(indices.Select(i => (i, split)), limit);
        List<(int Item, PictureSplit Split)> items = [.. All(splits.Train, PictureSplit.Train), .. All(splits.Validation, PictureSplit.Validation), .. All(splits.Test, PictureSplit.Test)];
        int Count(PictureSplit split) => items.Count(item => item.Split == split);
        var decision = limit is { } most ? $"{splits.Decision} At most {most} pictures of each split were taken, spread evenly: {Count(PictureSplit.Train)} for training and {Count(PictureSplit.Test)} for testing." : splits.Decision;
        return new(splits.Set.With([.. splits.Set.Warnings.Union(splits.Warnings)]), [.. items.OrderBy(item => item.Item)], decision);
    }

    /// <summary>Pictures for a test alone: the set's test part, or where it has none its validation part, or all of a set without parts.</summary>
    /// <param name="limit">At most so many pictures, spread evenly over the set; null takes all.</param>
    /// <exception cref="PictureException">None of them has a label.</exception> <exception cref="ArgumentException">The limit is below 1.</exception>
    public static ExtractItems OfTest(PictureSet set, int? limit = null)
    {
        CheckLimit(limit);
        PictureSplit part = new[] { PictureSplit.Test, PictureSplit.Validation, PictureSplit.None }.FirstOrDefault(split => set.Items.Any(item => item.Split == split), PictureSplit.Train);
        int[] all = [.. Enumerable.Range(0, set.Items.Count).Where(i => set.Items[i].Split == part)], labelled = [.. all.Where(i => set.Items[i].Class >= 0)];
        if (labelled.Length == 0 || part == PictureSplit.Train)
        {
            throw new PictureException(part == PictureSplit.Train ? $"{set.Name}: holds training pictures alone; give a set with a test part, or the folder of the test pictures itself"
                : $"{set.Name}: none of its {all.Length} pictures to test on has a label; put them into one folder a class");
        }
        var items = Limited(labelled.Select(i => (i, PictureSplit.Test)), limit);
        string[] left = labelled.Length == all.Length ? [] : [$"{set.Name}: {all.Length - labelled.Length} pictures without label are left out"];
        var which = part == PictureSplit.None ? $"all {items.Count} pictures of {set.Name}" : $"the {items.Count} pictures of the {part.ToString().ToLowerInvariant()} part of {set.Name}";
        return new(set.With([.. set.Warnings.Union(left)]), items, $"Tested on {(items.Count < labelled.Length ? $"{items.Count} of the {labelled.Length} pictures of {set.Name}, spread evenly" : which)}.");
    }

    /// <summary>The same pictures with the classes of a head, matched by name.</summary>
    /// <exception cref="PictureException">Pictures have classes that are not among them.</exception>
    public ExtractItems WithClasses(IReadOnlyList<string> names)
    {
        var map = ClassMap.Of(Set.Name, Set.ClassNames, names, Items.Select(item => (long)Set.Items[item.Item].Class));
        return this with { Set = Set.WithClasses(names, map) };
    }

    /// <summary>The same with a part of each class's training pictures, for learning from few labels; test pictures stay, a validation part, whose labels are others, does not.</summary>
    /// <param name="share">Above 0, below 1; of each class at least one picture is kept.</param> <param name="seed">The choice depends on it and on each picture's path alone.</param>
    public ExtractItems Fewer(double share, ulong seed)
    {
        HashSet<int> train = [.. Of(PictureSplit.Train)], kept = [.. Splits.SetAside(Set, train, seed, share)];
        kept.UnionWith(train.GroupBy(item => Set.Items[item].Class).Where(items => items.Count() == 1).Select(items => items.First()));
        return this with
        {
            Items = [.. Items.Where(item => item.Split == PictureSplit.Test || kept.Contains(item.Item))],
            Decision = FormattableString.Invariant($"{Decision} Of the {train.Count} training pictures {kept.Count} are used, {100 * share:0.###} % of each class, chosen by seed {seed}."),
        };
    }

    /// <summary>Places in the set of a split's pictures.</summary>
    public IEnumerable<int> Of(PictureSplit split) => Items.Where(item => item.Split == split).Select(item => item.Item);

    /// <summary>Path, class and split of each picture in order, with tabs between.</summary>
    internal IEnumerable<string> ListLines() => Items.Select(one => (Picture: Set.Items[one.Item], one.Split)).Select(one => $"{one.Picture.Path}\t{(one.Picture.Class < 0 ? "" : Set.ClassNames[one.Picture.Class])}\t{one.Split}");

    /// <summary>SHA-256 over <see cref="ListLines"/>, each with a line feed.</summary>
    public string ListHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var line in ListLines())
        {
            hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static void CheckLimit(int? limit)
    {
        if (limit < 1)
        {
            throw new ArgumentException($"limit {limit}: expected 1 picture of each split or more; leave it out for all");
        }
    }

    static List<(int, PictureSplit)> Limited(IEnumerable<(int, PictureSplit)> items, int? limit)
    {
        List<(int, PictureSplit)> all = [.. items];
        return limit is { } most && most < all.Count ? [.. Enumerable.Range(0, most).Select(i => all[(int)((long)i * all.Count / most)])] : all;
    }
}

/// <summary>Settings of an extraction that do not change what the features are.</summary>
public sealed record ExtractOptions
{
    /// <summary>Pictures a pass; null: 64 below 64x64 pixels, 16 below 128x128, else 4. A store that is taken up again keeps its own.</summary>
    public int? BatchSize { get; init; }
    /// <summary>Bytes of features a shard, about; a store that is taken up again keeps its own.</summary>
    public long ShardBytes { get; init; } = 64 << 20;
    /// <summary>Multiply-adds of the net a shard, about, which a run that was stopped may have lost: 50 s at 100 GFLOP/s. A shard has 64 pictures or a batch even so.</summary>
    public long ShardWork { get; init; } = 2_500_000_000_000;
    /// <summary>Threads that read and decode.</summary>
    public int Workers { get; init; } = Math.Max(1, Environment.ProcessorCount);
    /// <summary>Stop at the first picture that cannot be read, instead of leaving it out.</summary>
    public bool Strict { get; init; }
    /// <summary>Whether each picture of a store that is there is read once and compared with its row's hash; false: they are taken to be what they were.</summary>
    public bool ComparePictures { get; init; } = true;

    public int BatchFor(FeatureRequest request) => BatchSize ?? ((long)request.Height * request.Width) switch { < 64 * 64 => 64, < 128 * 128 => 16, _ => 4 };

    /// <summary>Pictures a shard. It depends on the net and the request alone, not on the machine, so that a store has the same bytes everywhere.</summary>
    internal int ShardPictures(FeatureRequest request, UNetLayout layout)
    {
        var work = request.Passes * PassCost.MultiplyAdds(layout, request.Blocks[^1], request.Height, request.Width);
        var affordable = Math.Max(ShardWork / work, Math.Max(64, BatchFor(request)));
        return (int)Math.Clamp(Math.Min(ShardBytes / Extract.BytesPerPicture(request, layout), affordable) / 16 * 16, 16, 4096);
    }

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    internal void Check()
    {
        if (BatchSize < 1)
        {
            throw new ArgumentException($"batch {BatchSize}: expected 1 picture a pass or more");
        }
        if (Workers < 1)
        {
            throw new ArgumentException($"workers {Workers}: expected 1 thread or more");
        }
    }
}
