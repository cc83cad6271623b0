using System.Security.Cryptography;
using System.Text;
using Diffract.Data;
using Diffract.Features;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>A feature store that rows of a recipe share.</summary>
/// <param name="Made">How its maps are made, beside steps, blocks and pools.</param> <param name="Subset">Seed by which few training pictures are chosen; null where all are used.</param> <param name="Folder">Relative to the run's.</param>
public sealed record StorePlan(RecipeData Data, ulong? Subset, RecipeFeatures Made, FeatureRequest Request, string Folder)
{
    /// <summary>Where every row that reads it is trained on a list of pictures: those lists, whose training pictures alone are kept. Else none.</summary>
    public IReadOnlyList<TrainSubset.Listed> Lists { get; init; } = [];

    /// <summary>All that are listed; null: all training pictures are kept.</summary>
    public TrainSubset.Listed? Listed => Lists.Count == 0 ? null : new([.. Lists.SelectMany(list => list.Names).Distinct()], string.Join(", ", Lists.Select(list => list.Source)));

    /// <summary>Pictures that it keeps of a set.</summary>
    public long PicturesOf(RecipePictures set) => (Listed is { } list ? Math.Min(set.Train, list.Names.Count) : set.Train + set.Validation) + set.Test;

    /// <summary>One picture, all passes.</summary>
    public long MultiplyAdds(UNetLayout layout) => Request.Passes * PassCost.MultiplyAdds(layout, Request.Blocks[^1], Request.Height, Request.Width);

    /// <summary>One picture, all maps.</summary>
    public long Bytes(UNetLayout layout) => Request.Names.Sum(name => Request.Shape(name, layout).Aggregate((long)Torch.DTypes.Size(Request.StoredAs), (a, b) => a * b));

    /// <summary>Whether a row's maps are in it.</summary>
    public bool Serves(RecipeData data, ulong? subset, RecipeRow row, FeatureUse use, UNetLayout layout)
    {
        var whole = Whole(use.Blocks, layout, Request.Height);
        var pool = use.Pool == 0 ? whole : Math.Min(use.Pool, whole);
        return (data, subset) == (Data, Subset) && Making(row.Features) == Made && (Lists.Count == 0 || Lists.Any(list => list.Sha256 == row.List?.Sha256)) && use.T.All(Request.T.Contains) && use.Blocks.All(Request.Blocks.Contains)
            && Request.Pools.Any(kept => kept == pool || pool == whole && kept > whole);   // a smaller map stays as it is
    }

    /// <summary>
    /// The fewest stores that serve all uses with no pass in vain: steps that some row reads together are in one store, others apart; blocks and pools are all that
    /// rows read at these steps. A store holds each pool of each step and block; where large pools are
    /// wanted of few of them, they may have a store of their own, at the cost of its passes.
    /// </summary>
    public static IEnumerable<StorePlan> For(RecipeData data, ulong? subset, IReadOnlyList<RecipeRow> rows, UNetLayout layout)
    {
        foreach (var alike in rows.GroupBy(row => Making(row.Features)))
        {
            var uses = alike.SelectMany(row => row.Uses(layout).Select(use => (row.List, Use: row.Kept(use, layout)))).ToList();
            foreach (var steps in Joined(uses.Select(one => one.Use.T)))
            {
                (TrainSubset.Listed? List, FeatureUse Use)[] here = [.. uses.Where(one => steps.Contains(one.Use.T[0]))];
                foreach (var store in Parted(here))
                {
                    yield return store;
                }
            }

            StorePlan Planned((TrainSubset.Listed? List, FeatureUse Use)[] some)
            {
                var request = Asked(alike.First().Features, [.. some.SelectMany(one => one.Use.T).Distinct().Order()], [.. some.Select(one => one.Use)], layout);
                TrainSubset.Listed[] lists = some.All(one => one.List is not null) ? [.. some.Select(one => one.List!).DistinctBy(list => list.Sha256).OrderBy(list => list.Sha256, StringComparer.Ordinal)] : [];
                var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(request.ToJson().ToJsonString() + string.Concat(lists.Select(list => list.Sha256)))))[..8];
                return new(data, subset, alike.Key, request, $"features/{Slug.Of(data.Name)}{(subset is { } seed ? $"-seed-{seed}" : "")}/t{string.Join('-', request.T.Take(4))}-{hash}") { Lists = lists };
            }

            // One store, or two, of small pools and of those above a cut, where that saves much space for few passes: space times the square of passes is least.
            StorePlan[] Parted((TrainSubset.Listed? List, FeatureUse Use)[] all) => all.Select(one => Side(one.Use)).Distinct().Order().Skip(1)
                .Select(cut => (StorePlan[])[Planned([.. all.Where(one => Side(one.Use) < cut)]), Planned([.. all.Where(one => Side(one.Use) >= cut)])])
                .Prepend([Planned(all)]).MinBy(stores => stores.Sum(store => store.Bytes(layout)) * Math.Pow(stores.Sum(store => store.Request.Passes), 2))!;

            int Side(FeatureUse use) => use.Pool == 0 ? int.MaxValue : use.Pool;
        }
    }

    static FeatureRequest Asked(RecipeFeatures features, IReadOnlyList<int> steps, FeatureUse[] uses, UNetLayout layout)
    {
        var side = features.Size ?? layout.Config.ImageSize;
        int[] blocks = [.. uses.SelectMany(use => use.Blocks).Distinct().Order()];
        var whole = Whole(blocks, layout, side);
        return new()
        {
            T = steps, Blocks = blocks, Pools = [.. uses.Select(use => use.Pool == 0 ? whole : Math.Min(use.Pool, whole)).Distinct().Order()], Flip = features.Flip, Draws = features.Draws,
            Height = side, Width = side, Seed = features.Seed, Precision = features.Precision, StoredAs = features.StoredAs, Exif = ExifPolicy.Apply,
        };
    }

    // Side of the largest of the blocks' maps; blocks that the net lacks are found later, with all other faults.
    static int Whole(IEnumerable<int> blocks, UNetLayout layout, int side) =>
        blocks.Where(block => block <= layout.Blocks.Count).Select(block => side / layout.Blocks[block - 1].OutStride).DefaultIfEmpty(1).Max();

    // Lists that share a step, directly or through others, become one.
    static IEnumerable<int[]> Joined(IEnumerable<IReadOnlyList<int>> lists)
    {
        List<SortedSet<int>> groups = [];
        foreach (var list in lists)
        {
            var touching = groups.Where(group => group.Overlaps(list)).ToList();
            groups.RemoveAll(touching.Contains);
            groups.Add([.. list, .. touching.SelectMany(group => group)]);
        }
        return groups.OrderBy(group => group.Min).Select(group => group.ToArray());
    }

    // What makes features differ beside steps, blocks and pools.
    static RecipeFeatures Making(RecipeFeatures features) => features with { T = [], Blocks = [], Average = false, Crop = null };
}
