using System.Text.Json;
using Diffract.Workflows;
using static Diffract.Tests.Workflows.Recipes.ToyRecipe;

namespace Diffract.Tests.Workflows.Recipes;

public class RowChoiceTests
{
    [Theory]
    [InlineData("""{"name": "head", "head": {"kind": "linear", "pool": 1}, "choose": {"epochs": [1, 3]}}""", "epochs (t 50, block 4, pool 1, ")]
    [InlineData("""{"name": "fresh", "head": {"kind": "linear", "pool": 1}, "features": {"noise": "fresh"}, "choose": {"t": [50, 200], "pool": [1, 2]}}""", "t, block and pool (t ")]
    [InlineData($$"""{"name": "feedback", "method": "feedback", "head": {{Reader}}, "choose": {"t": [50, 200], "epochs": [1, 2]} }""", "epochs (t ")]
    [InlineData($$"""{"name": "kept", "method": "feedback", "head": {{Reader}}, "features": {"noise": "stored"}, "choose": {"blocks": [6, 7]} }""", "t, block and pool (t 50, block ")]
    [InlineData("""{"name": "tuned", "method": "finetune", "head": {"kind": "linear", "pool": 1}, "choose": {"blocks": [4, 5], "epochs": [1, 2]} }""", "epochs (t 50, block ")]
    public void Every_method_chooses_steps_blocks_and_epochs_on_held_out_pictures_and_goes_on_where_it_was(string row, string about)
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe(row, "train.learningRates=[0.003]", "train.epochs=2");
        List<string> activities = [];
        RunRecipe.Run(Request(folder, recipe), folder["whole"], progress => activities.Add(progress.Activity));

        List<(string Activity, long Done)> reports = [];
        var stops = InParts(1, (report, token) => RunRecipe.Run(Request(folder, recipe), folder["parts"], progress =>
        {
            reports.Add((progress.Activity, progress.Done));
            report(progress);
        }, token));

        using var json = JsonDocument.Parse(File.ReadAllText(folder["whole/results.json"]));
        var result = json.RootElement.GetProperty("rows")[0];
        var (chosen, seed) = (result.GetProperty("chosen"), result.GetProperty("seeds")[0].GetProperty("folder").GetString());
        var tried = chosen.GetProperty("tried").EnumerateArray().ToList();
        var best = tried.MaxBy(one => one.GetProperty("heldOutAccuracy").GetDouble());
        Assert.Contains(about, chosen.GetProperty("choice").GetString());
        Assert.Contains($"are the best of {tried.Count} on held-out training pictures", chosen.GetProperty("choice").GetString());
        using var own = JsonDocument.Parse(File.ReadAllText(folder[$"whole/{seed}/result.json"]));
        var (trained, head) = (own.RootElement.GetProperty("recipe"), own.RootElement.GetProperty("head").GetRawText());
        Assert.Equal(best.TryGetProperty("epochs", out var epochs) ? epochs.GetInt32() : 2, trained.GetProperty("epochs").GetInt32());
        Assert.Contains($"\"ts\":[{best.GetProperty("t")[0].GetInt32()}]", string.Concat(head.Where(c => !char.IsWhiteSpace(c))));
        Assert.Equal(row.Contains("fresh") || row.Contains("method"), activities.Any(activity => activity.Contains("): held-out pictures")));
        Assert.DoesNotContain(activities, activity => activity.Contains("setting ") && activity.Contains(": test"));
        Assert.True(stops > 2, $"stopped {stops} times");
        if (row.Contains("fresh") || row.Contains("method"))                               // each part of a setting's training was done once
        {
            var first = reports.Where(one => one.Activity.Contains("setting ") && one.Activity.Contains("): train")).GroupBy(one => one.Activity).Select(same => same.Count(one => one.Done == same.Min(other => other.Done))).ToList();
            Assert.NotEmpty(first);
            Assert.All(first, times => Assert.Equal(1, times));
        }
        AssertSame(folder["whole"], folder["parts"]);
    }

    [Fact]
    public void Numbers_of_epochs_are_compared_by_training_for_all_of_them()
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe($$"""{"name": "a", "head": {{Reader}}, "choose": {"epochs": [2, 9]} }""", "train.learningRates=[0.003]", "seeds=[0]");
        var steps = new Dictionary<string, long>();

        RunRecipe.Run(Request(folder, recipe), folder["out"], progress => steps[progress.Activity] = progress.Total);

        long Of(string part) => Assert.Single(steps, pair => pair.Key.Contains(part, StringComparison.Ordinal)).Value;
        Assert.Equal((8, 36), (Of("setting 1 of 2 (t 50, block 4, pool 2, 2 epochs): train"), Of("setting 2 of 2 (t 50, block 4, pool 2, 9 epochs): train"))); // 50 pictures of 60 in batches of 16
    }

    [Fact]
    public void A_setting_that_was_tried_before_a_run_was_stopped_is_not_tried_again()
    {
        using var folder = new TemporaryFolder();
        RowSetting[] settings = [.. new[] { 1, 2, 3 }.Select(epochs => new RowSetting(new([50], [4], 1), epochs))];
        List<int> asked = [];
        Func<RowSetting, int, string, double> Asking(int? stop) => (setting, number, state) =>
        {
            Directory.CreateDirectory(state);
            if (number == stop) { throw new OperationCanceledException(); }
            asked.Add(setting.Epochs!.Value);
            return new[] { 0.2, 0.4, 0.4 }[number];
        };

        Assert.Throws<OperationCanceledException>(() => RowChoice.Make(folder.Path, settings, Asking(stop: 1)));
        Assert.True(Directory.Exists(folder["setting-1"]));                                // goes on from there
        Directory.CreateDirectory(folder["setting-0"]);                                    // stopped between keeping the accuracy and deleting the state
        var choice = RowChoice.Make(folder.Path, settings, Asking(stop: null));

        Assert.Equal([1, 2, 3], asked);
        Assert.Equal(["choice.json"], TemporaryFolder.Contents(folder.Path).Keys);
        Assert.Empty(Directory.EnumerateDirectories(folder.Path));
        Assert.Equal(settings[1].ToString(), choice.Chosen.ToString());                    // of equal ones the first
        Assert.Equal(choice.Text, RowChoice.Make(folder.Path, settings, (_, _, _) => throw new InvalidOperationException()).Text);
        Assert.Contains("choice among other settings", Assert.Throws<RecipeException>(() => RowChoice.Make(folder.Path, settings[..2], Asking(stop: null))).Message);
        Assert.Contains("choice among other settings", Assert.Throws<RecipeException>(() => RowChoice.Make(folder.Path, [.. settings.Reverse()], Asking(stop: null))).Message);
    }

    [Fact]
    public void A_setting_that_diverges_counts_as_nothing_and_the_choice_goes_on()
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe("""{"name": "tuned", "method": "finetune", "head": {"kind": "linear", "pool": 1}, "choose": {"epochs": [1, 2]} }""", "train.learningRates=[1e6]", "train.recipe=released-code", "seeds=[0]");

        var error = Assert.Throws<TrainException>(() => RunRecipe.Run(Request(folder, recipe), folder["out"]));

        Assert.True(error.IsDivergence);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/rows/tuned/choice.json"]));
        Assert.Equal([0.0, 0.0], json.RootElement.GetProperty("tried").EnumerateArray().Select(one => one.GetProperty("heldOutAccuracy").GetDouble()));
        Assert.DoesNotContain(Directory.EnumerateDirectories(folder["out/rows/tuned"]), path => path.Contains("setting-"));
    }

    [Fact]
    public void A_choice_that_cannot_be_made_is_refused_when_the_recipe_is_read()
    {
        static string Faults(string row) => Assert.Throws<RecipeException>(() => Recipe(row)).Message;

        Assert.Contains("rows.0.choose.epochs is for what is trained", Faults("""{"name": "k", "method": "knn", "choose": {"epochs": [2, 4]} }"""));
        Assert.Contains("rows.0.choose.epochs is for what is trained in steps; recipe logistic fits a head at once", Faults("""{"name": "l", "head": "linear", "train": {"recipe": "logistic"}, "choose": {"epochs": [2, 4]} }"""));
        Assert.Contains("rows.0.choose.pool is for linear heads, MLPs and knn", Faults($$"""{"name": "a", "head": {{Reader}}, "choose": {"pool": [1, 2]} }"""));
        Assert.Contains("rows.0.choose.pool has 0, whole maps, which are for knn", Faults("""{"name": "l", "head": "linear", "choose": {"pool": [0, 1]} }"""));
        Assert.Contains("rows.0.choose names nothing to choose among", Faults("""{"name": "l", "head": "linear", "choose": {} }"""));
        Assert.Contains("rows.0.choose.epochs is [2, 2], expected no value twice", Faults("""{"name": "l", "head": "linear", "choose": {"epochs": [2, 2]} }"""));
    }
}
