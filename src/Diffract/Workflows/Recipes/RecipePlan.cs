using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>How many pictures a data set has, and of how many classes: counted, or as the recipe says.</summary>
public sealed record RecipePictures(int Classes, long Train, long Test)
{
    /// <summary>Beside them, those of a validation part; none where few labels are used, whose choices are made among the training pictures.</summary>
    public long Validation { get; init; }

    /// <summary>What the recipe says; null where it does not say all.</summary>
    public static RecipePictures? Declared(RecipeData data) => data is { Classes: { } classes, Train: { } train, Test: { } test } ? new(classes, train, test) : null;
}

/// <summary>A row on a data set.</summary>
/// <param name="Folder">Relative to the run's; a folder a seed lies in it.</param>
/// <param name="Cost">Of all seeds, without the features that are shared.</param>
public sealed record RecipeJob(RecipeRow Row, RecipeData Data, string Folder, RowCost Cost);

/// <summary>Multiply-adds of passes of the net, and of those of them that record gradients or go back; of the head; about. Trained values of the head, where it has any, and of a net that is fine-tuned.</summary>
public sealed record RowCost(double Net, double Recorded, double Head, long? Parameters);

/// <summary>What a recipe asks for on a net: stores that rows share, and the rows.</summary>
public sealed record RecipePlan(Recipe Recipe, UNetLayout Layout, IReadOnlyDictionary<string, RecipePictures> Pictures, IReadOnlyList<StorePlan> Stores, IReadOnlyList<RecipeJob> Jobs)
{
    /// <param name="pictures">By name of the data set; rows of a set that is not named here are left out.</param>
    /// <param name="rows">Names of the rows wanted; null: all.</param>
    /// <exception cref="RecipeException">The net lacks a step or block, a head cannot be built, or there is no row of a name; all faults are named.</exception>
    public static RecipePlan Make(Recipe recipe, UNetLayout layout, IReadOnlyDictionary<string, RecipePictures> pictures, IReadOnlyCollection<string>? rows = null)
    {
        List<string> faults = [.. (rows ?? []).Where(name => recipe.Rows.All(row => row.Name != name)).Select(name => $"there is no row '{name}'; there are {string.Join(", ", recipe.Rows.Select(row => $"'{row.Name}'"))}")];
        RecipeRow[] wanted = [.. recipe.Rows.Where(row => rows?.Contains(row.Name) ?? true)];
        List<StorePlan> stores = [];
        List<RecipeJob> jobs = [];
        foreach (var data in recipe.Data.Where(data => pictures.ContainsKey(data.Name)))
        {
            List<RecipeRow> sound = [];
            foreach (var row in wanted)
            {
                try
                {
                    jobs.Add(new(row, data, RunFolder.Of(row, data, recipe), RecipeCost.Of(recipe, row, data, layout, pictures[data.Name])));
                    sound.Add(row);
                }
                catch (Exception fault) when (fault is HeadConfigException or FeatureStoreException or ArgumentException)
                {
                    faults.Add($"row '{row.Name}': {fault.Message}");
                }
            }
            stores.AddRange(Subsets(recipe, data).SelectMany(subset => StorePlan.For(data, subset, [.. sound.Where(row => row.ReadsStore)], layout)));
        }
        foreach (var store in stores)
        {
            try
            {
                store.Request.Check(layout, int.MaxValue);
            }
            catch (ArgumentException fault)
            {
                faults.Add($"features of {store.Data.Name}: {fault.Message}");
            }
        }
        return faults.Count == 0 ? new(recipe, layout, pictures, stores, jobs) : throw new RecipeException($"recipe '{recipe.Name}': {string.Join("; ", faults.Distinct())}");
    }

    /// <summary>The store with the maps of one use.</summary>
    public StorePlan StoreOf(RecipeJob job, FeatureUse use, ulong seed) => Stores.First(store => store.Serves(job.Data, SubsetOf(job.Data, seed), job.Row, job.Row.Kept(use, Layout), Layout));

    /// <summary>Bytes of the features that all rows keep.</summary>
    public long KeptBytes => Stores.Sum(store => store.PicturesOf(Pictures[store.Data.Name]) * store.Bytes(Layout));

    /// <summary>The head of a use, complete for the store's maps; null for nearest neighbours.</summary>
    public static HeadConfig? Complete(RecipeRow row, FeatureUse use, UNetLayout layout, int classes)
    {
        if (row.HeadFor(use, layout) is not { } head) { return null; }
        var side = row.Features.Size ?? layout.Config.ImageSize;
        var request = new FeatureRequest { T = use.T, Blocks = use.Blocks, Pools = [use.Pool], Height = side, Width = side };
        return HeadInputs.Choose(head, use.T, use.Blocks, classes, [use.Pool], name => request.Shape(name, layout), block => request.Whole(block, layout)).Head;
    }

    internal static void CheckBlocks(RecipeRow row, UNetLayout layout)
    {
        if (row.Features.Blocks.Concat(row.Choose?.Blocks ?? []).FirstOrDefault(block => block > layout.Blocks.Count) is > 0 and var block)
        {
            throw new ArgumentException($"block {block}: this net has blocks 1 to {layout.Blocks.Count}");
        }
    }

    internal static ulong? SubsetOf(RecipeData data, ulong seed) => data.Share is null ? null : seed;

    static IEnumerable<ulong?> Subsets(Recipe recipe, RecipeData data) => recipe.Seeds.Select(seed => SubsetOf(data, seed)).Distinct();
}
