using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

public class RecipeFilesTests
{
    static string Folder { get; } = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Golden.Root)!)!, "recipes");

    public static TheoryData<string> Files => new(Directory.EnumerateFiles(Folder, "*.json").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));

    // Every row's head is built for the published net's maps, every step and block is checked against it, and the file opens with what it costs.
    [Theory, MemberData(nameof(Files))]
    public void A_recipe_opens_with_its_command_its_cost_and_the_papers_numbers(string file)
    {
        var path = Path.Combine(Folder, file);
        var recipe = RecipeReader.Read(path);
        var estimate = RecipeEstimate.Of(new RunRequest { Recipe = recipe });
        var head = File.ReadLines(path).TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal)).ToList();

        Assert.StartsWith($"// ./diffract run recipes/{file} --data ", head[0]);
        Assert.Equal("// " + estimate.Summary, head[1]);
        Assert.All(recipe.Rows.SelectMany(row => row.Paper.Values), figure => Assert.Contains(figure.Top1.ToString(System.Globalization.CultureInfo.InvariantCulture), head[2]));
        Assert.Equal(recipe.Rows.Count * recipe.Data.Count, estimate.Rows.Count);
        Assert.Contains(recipe.Name, estimate.Text());
    }

    [Fact]
    public void The_papers_classification_tables_are_all_there()
    {
        string[] expected = [.. new[] { 1, 2, 3, 4, 6, 7, 8, 9 }.Select(n => $"2307.08702-table-{n}"), .. new[] { 2, 4, 5, 7 }.Select(n => $"2307.08702-figure-{n}"), .. new[] { 1, 2, 3, 4, 5, 9, 14, 15 }.Select(n => $"2311.17921-table-{n}"), "2311.17921-figure-7", "builtin", "cifar-10", "clothing"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Directory.EnumerateFiles(Folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Rows_share_stores_without_a_pass_in_vain()
    {
        var recipe = RecipeReader.Read(Path.Combine(Folder, "2311.17921-table-9.json"));
        var layout = new UNetLayout(new UNetConfig());

        var plan = RecipePlan.Make(recipe, layout, new Dictionary<string, RecipePictures> { ["ImageNet"] = new(1000, 1000, 100) });

        Assert.Equal(7, plan.Stores.Count);                                                // one a step
        Assert.Equal(16, plan.Jobs.Count);
        Assert.Equal([19, 24], Assert.Single(plan.Stores, store => store.Request.T[0] == 90).Request.Blocks);
        Assert.All(plan.Stores.Where(store => store.Request.T[0] != 90), store => Assert.Equal([19], store.Request.Blocks));

        var fused = RecipePlan.Make(RecipeReader.Read(Path.Combine(Folder, "2311.17921-table-3.json")), layout, new Dictionary<string, RecipePictures> { ["CUB"] = new(200, 5994, 5794) });
        var store = Assert.Single(fused.Stores);                                           // DifFormer reads three steps together
        Assert.Equal([90, 150, 300], store.Request.T);
        Assert.Equal([19, 24, 30], store.Request.Blocks);
        Assert.Equal([16], store.Request.Pools);                                           // whole at blocks 19 and 24, 16 tokens a side at 30
    }

    // The published net's first 24 blocks are 28.5 % of 1,119.8 G multiply-adds: two kept views of every picture.
    [Fact]
    public void Costs_are_those_of_the_nets_shapes()
    {
        var estimate = RecipeEstimate.Of(new RunRequest { Recipe = RecipeReader.Read(Path.Combine(Folder, "2307.08702-table-1.json"), ["rows=[{\"name\": \"linear\", \"head\": \"linear-1k\"}]"]) });

        var store = Assert.Single(estimate.Stores);
        Assert.Equal(2 * 1_331_167 * 0.285 * 1119.8e9, store.MultiplyAdds, 0.005 * store.MultiplyAdds);
        Assert.Equal(2 * 1_331_167 * 0.365, store.Seconds, 0.01 * store.Seconds);
        Assert.Equal(2L * 1_331_167 * 1024 * 2, store.DiskBytes);
        Assert.Contains(estimate.Notes, note => note.Contains("models get 256x256_diffusion_uncond") || File.Exists(ModelCache.PathOf(PublishedModels.All[0])));
    }
}
