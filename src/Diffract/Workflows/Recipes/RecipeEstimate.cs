using System.Globalization;
using System.Text;
using Diffract.Data;
using Diffract.Models;
using Diffract.Reports;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What features that rows share take, computed.</summary>
public sealed record StoreEstimate(StorePlan Store, long Pictures, double MultiplyAdds, double Seconds, long DiskBytes);

/// <summary>What a row takes beside them.</summary>
public sealed record RowEstimate(RecipeJob Job, double Seconds);

/// <summary>
/// A recipe checked as far as that goes without running it, and what it will take: multiply-adds from the net's and the heads' shapes, times for a named
/// machine, about. What is not at hand is taken from the recipe: the shape of a published checkpoint from its name, counts of pictures as declared.
/// </summary>
public sealed record RecipeEstimate(Recipe Recipe, MachineRate Machine, IReadOnlyList<StoreEstimate> Stores, IReadOnlyList<RowEstimate> Rows, long Pictures, IReadOnlyList<string> Notes)
{
    public double MultiplyAdds => Stores.Sum(store => store.MultiplyAdds) + Rows.Sum(row => row.Job.Cost.Net + row.Job.Cost.Head);

    public double Seconds => Stores.Sum(store => store.Seconds) + Rows.Sum(row => row.Seconds);

    public long DiskBytes => Stores.Sum(store => store.DiskBytes);

    /// <summary>One line, as recipes open with it.</summary>
    public string Summary => string.Create(CultureInfo.InvariantCulture,
        $"{Pictures:n0} pictures, {Stores.Sum(store => store.Pictures * store.Store.Request.Passes):n0} passes kept, {Power(MultiplyAdds)} multiply-adds in all; computed: {ExtractEstimate.Span(Seconds)} on {Machine.Name}, {ExtractEstimate.Size(DiskBytes)} of features.");

    /// <exception cref="RecipeException">The recipe cannot be run as asked; all faults are named.</exception>
    public static RecipeEstimate Of(RunRequest request, MachineRate? machine = null)
    {
        var (recipe, rate, notes, faults) = (request.Recipe, machine ?? MachineRate.Reference, new List<string>(), new List<string>());
        var layout = Caught(faults, () =>
        {
            var found = request.Layout(out var isThere);
            if (!isThere) { notes.Add($"The checkpoint {request.ModelName} is not here; its shape is known by its name. `diffract models get {request.ModelName}` fetches it."); }
            return found;
        });
        var items = Caught(faults, () => request.Data.Count == 0 ? new Dictionary<string, ExtractItems>() : RunRecipe.Items(request));
        var counts = items is null ? new() : RunRecipe.Counts(recipe, items).ToDictionary();
        notes.AddRange(RunRecipe.Surprises(recipe, counts));
        foreach (var data in recipe.Data.Where(data => items is { Count: 0 }))
        {
            if (RecipePictures.Declared(data) is not { } declared) { faults.Add($"data set '{data.Name}': the recipe does not say how many pictures it has; give them with --data"); continue; }
            counts[data.Name] = declared;
            notes.Add($"{data.Name}: not given; counted as its authors do.");
        }
        notes.AddRange(recipe.Data.Where(data => items is { Count: > 0 } && !items.ContainsKey(data.Name)).Select(data => $"{data.Name}: not given; its rows are left out."));
        var plan = layout is null ? null : Caught(faults, () => RecipePlan.Make(recipe, layout, counts, request.Rows));
        if (plan is null || faults.Count > 0)
        {
            throw new RecipeException(string.Join("; ", faults));
        }
        return new(recipe, rate, [.. plan.Stores.Select(store => Store(store, plan, rate))], [.. plan.Jobs.Select(job => new RowEstimate(job, rate.Seconds(job.Cost, job.Row.Features.Precision)))],
            plan.Pictures.Values.Sum(set => set.Train + set.Test), notes);
    }

    public string Text()
    {
        var stores = new Reports.Table(new("features of"), new("t"), new("blocks"), new("pools"), new("pictures", Align.Right), new("passes each", Align.Right), new("multiply-adds", Align.Right), new("time", Align.Right), new("disk", Align.Right));
        foreach (var one in Stores)
        {
            var r = one.Store.Request;
            stores.Add(one.Store.Data.Name + (one.Store.Subset is { } seed ? $", subset {seed}" : ""), string.Join(",", r.T), string.Join(",", r.Blocks), string.Join(",", r.Pools), Numbers.Count(one.Pictures), Numbers.Count(r.Passes),
                Power(one.MultiplyAdds), ExtractEstimate.Span(one.Seconds), ExtractEstimate.Size(one.DiskBytes));
        }
        var rows = new Reports.Table(new("row"), new("data"), new("parameters", Align.Right), new("net", Align.Right), new("head", Align.Right), new("time", Align.Right), new("paper", Align.Right));
        foreach (var one in Rows)
        {
            rows.Add(one.Job.Row.Name, one.Job.Data.Name, one.Job.Cost.Parameters is { } n ? Numbers.Count(n) : "", one.Job.Cost.Net > 0 ? Power(one.Job.Cost.Net) : "", Power(one.Job.Cost.Head), ExtractEstimate.Span(one.Seconds),
                one.Job.Row.Paper.TryGetValue(one.Job.Data.Name, out var paper) ? Numbers.Fixed(paper.Top1, 2) : "");
        }
        var text = new StringBuilder().Append(Recipe.Name).Append(": ").Append(Recipe.About).Append("\n\n");
        if (Stores.Count > 0) { text.Append(stores.Text()).Append("\n\n"); }
        text.Append(rows.Text()).Append("\n\n").Append(Summary);
        foreach (var note in Notes) { text.Append("\nnote: ").Append(note); }
        return text.ToString();
    }

    /// <summary>What a folder holds of it already, and the time of the rows that remain; null where it holds nothing.</summary>
    public string? Done(string folder)
    {
        if (!Directory.Exists(folder)) { return null; }
        var rows = Rows.Select(row => (Row: row, Done: RunFolder.SeedsDone(folder, row.Job, Recipe), IsOther: RunFolder.Differences(folder, row.Job.Row, row.Job.Data, Recipe).Count > 0)).ToList();
        string Name(RecipeJob job) => Recipe.Data.Count > 1 ? $"'{job.Row.Name}' of {job.Data.Name}" : $"'{job.Row.Name}'";
        var left = rows.Sum(row => row.Row.Seconds * (1 - (double)row.Done / Recipe.Seeds.Count));
        IEnumerable<string> parts =
        [
            $"{rows.Count(row => row.Done == Recipe.Seeds.Count)} of {rows.Count} rows are done in {folder}",
            .. rows.Where(row => row.Done > 0 && row.Done < Recipe.Seeds.Count).Select(row => $"{row.Done} of {Recipe.Seeds.Count} seeds of {Name(row.Row.Job)}"),
            .. rows.Where(row => row.IsOther).Select(row => $"{Name(row.Row.Job)} is there as it was defined otherwise, which `run` refuses"),
        ];
        return $"{string.Join("; ", parts)}. The rows that remain: {ExtractEstimate.Span(left)}.";
    }

    static StoreEstimate Store(StorePlan store, RecipePlan plan, MachineRate rate)
    {
        var pictures = store.PicturesOf(plan.Pictures[store.Data.Name]);
        var work = (double)pictures * store.MultiplyAdds(plan.Layout);
        return new(store, pictures, work, rate.Seconds(new(work, 0, 0, null), store.Request.Precision), pictures * store.Bytes(plan.Layout));
    }

    static T? Caught<T>(List<string> faults, Func<T> make) where T : class
    {
        try
        {
            return make();
        }
        catch (Exception fault) when (fault is RecipeException or CheckpointException or UNetConfigException or PictureException)
        {
            faults.Add(fault.Message);
            return null;
        }
    }

    static string Power(double count) => count == 0 ? "0" : count.ToString("0.0e+0", CultureInfo.InvariantCulture).Replace("e+", "e");
}
