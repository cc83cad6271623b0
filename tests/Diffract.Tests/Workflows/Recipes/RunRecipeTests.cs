using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;
using static Diffract.Tests.Workflows.Recipes.ToyRecipe;

namespace Diffract.Tests.Workflows.Recipes;

public class RunRecipeTests
{
    [Fact]
    public void Every_row_is_run_for_every_seed_and_one_file_holds_the_results()
    {
        using var folder = new TemporaryFolder();
        using (OutputFolder.Claim(folder["out"]))
        {
            Assert.Contains("another run is writing there", Assert.Throws<IOException>(() => RunRecipe.Run(Request(folder), folder["out"])).Message);
        }

        var comparison = RunRecipe.Run(Request(folder), folder["out"]);

        Assert.Equal(["knn", "linear", "few labels", "chosen", "fused"], comparison.Entries.Select(entry => entry.Name));
        Assert.All(comparison.Entries, entry => Assert.Equal([0ul, 1], entry.Seeds.Select(seed => seed.Seed)));
        Assert.All(comparison.Entries.SelectMany(entry => entry.Seeds), seed => Assert.Equal(20, seed.Pictures));
        Assert.Null(comparison.Entries[0].Spread);
        Assert.Equal(20, comparison.Entries[2].TrainPictures);
        Assert.Equal(49.0, comparison.Entries[0].Paper!.Top1);
        Assert.Equal(4, comparison.Paired.Count);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/results.json"]));
        Assert.True(json.RootElement.GetProperty("complete").GetBoolean());
        Assert.Contains("used once for each row and seed", json.RootElement.GetProperty("protocol").GetString());
        var tried = json.RootElement.GetProperty("rows")[3].GetProperty("chosen").GetProperty("tried");
        Assert.Equal(4, tried.GetArrayLength());
        Assert.Contains("| linear", File.ReadAllText(folder["out/results.md"]));
        Assert.Contains("chosen: t, block and pool (t ", File.ReadAllText(folder["out/results.md"]));
        Assert.Contains("Not made the same way", File.ReadAllText(folder["out/results.html"]));
        Assert.Single(Directory.EnumerateDirectories(folder["out/features/toys"]));          // the fused row joins both steps
    }

    [Fact]
    public void A_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes_and_a_finished_one_does_nothing()
    {
        using var folder = new TemporaryFolder();
        RunRecipe.Run(Request(folder), folder["whole"]);

        InParts(7, (report, token) => RunRecipe.Run(Request(folder), folder["parts"], report, token));

        AssertSame(folder["whole"], folder["parts"]);
        var whole = TemporaryFolder.Contents(folder["whole"]);
        var again = 0;
        RunRecipe.Run(Request(folder), folder["whole"], _ => again++);
        Assert.Equal(0, again);
        Directory.Delete(folder["whole/rows/linear"], recursive: true);
        RunRecipe.Run(Request(folder) with { Rows = ["linear"] }, folder["whole"], p => Assert.DoesNotContain("extract", p.Activity)); // the fused row's store serves
        Assert.Equal(whole["rows/linear/seed-1/result.json"], File.ReadAllBytes(folder["whole/rows/linear/seed-1/result.json"]));
    }

    [Fact]
    public void Few_labels_are_another_draw_with_each_seed()
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe("""{"name": "linear", "head": {"kind": "linear", "pool": 1}}""", "data.0.share=0.5");

        var comparison = RunRecipe.Run(Request(folder, recipe), folder["out"]);

        Assert.Equal(["toys-seed-0", "toys-seed-1"], Directory.EnumerateDirectories(folder["out/features"]).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.InRange(comparison.Entries[0].TrainPictures!.Value, 25, 35);
        var hashes = Directory.EnumerateFiles(folder["out/features"], "rows.jsonl", SearchOption.AllDirectories).Select(File.ReadAllText).Distinct();
        Assert.Equal(2, hashes.Count());
    }

    [Theory]
    [InlineData("""{"name": "fresh", "head": "linear", "features": {"noise": "fresh", "crop": "random"}}""", "a new draw each epoch")]
    [InlineData("""{"name": "DifFeed", "method": "feedback", "head": {"kind": "linear", "pool": 1}, "feedback": {"strategy": "windowed"}, "features": {"noise": "fresh"}}""", "windowed")]
    [InlineData("""{"name": "tuned", "method": "finetune", "head": {"kind": "linear", "pool": 2, "batchNorm": true}}""", "layerDecay")]
    [InlineData("""{"name": "tuned DifFeed", "method": "finetune", "head": {"kind": "linear", "pool": 1}, "feedback": {"strategy": "6-4"}, "features": {"blocks": [7]}}""", "6-4")]
    public void Rows_that_keep_no_features_run_too(string row, string fact)
    {
        using var folder = new TemporaryFolder();

        var comparison = RunRecipe.Run(Request(folder, Recipe(row, "seeds=[3]", "train.epochs=1", "train.learningRates=[0.001]")), folder["out"]);

        Assert.Contains(comparison.Entries[0].How.Values, value => value.Contains(fact));
        Assert.False(Directory.Exists(folder["out/features"]));
        Assert.NotNull(comparison.Entries[0].OutcomesFile);
    }

    [Fact]
    public void Feedback_on_kept_first_passes_stands_beside_feedback_with_fresh_noise()
    {
        using var folder = new TemporaryFolder();
        const string DifFeed = """ "method": "feedback", "head": {"kind": "linear", "pool": 1}, "feedback": {"strategy": "multi-scale:2"} """;
        var recipe = Recipe($$$"""{"name": "kept", {{{DifFeed}}}, "features": {"noise": "stored"}}, {"name": "fresh", {{{DifFeed}}}}""", "seeds=[3]", "train.epochs=1", "train.learningRates=[0.001]", "features.blocks=[6]");

        var comparison = RunRecipe.Run(Request(folder, recipe), folder["out"]);
        var estimate = RecipeEstimate.Of(Request(folder, recipe));

        Assert.Contains("noise: stored draws (1); a new draw each epoch (2)", comparison.Notes());
        using var store = FeatureStore.Open(Directory.EnumerateDirectories(folder["out/features/toys"]).Single());
        Assert.Equal(FeedbackExtractor.FirstPassBlocks(FeedbackConfig.Of(FeedbackStrategy.Parse("multi-scale:2"), new(TinyNet.Config)), new(TinyNet.Config), [6]), store.Request.Blocks);
        Assert.True(estimate.DiskBytes > 0 && estimate.Rows[0].Job.Cost.Net < estimate.Rows[1].Job.Cost.Net);
        Assert.Equal(comparison.Entries[0].Parameters, comparison.Entries[1].Parameters);
    }

    [Fact]
    public void A_list_of_file_names_chooses_the_training_pictures_and_another_list_is_another_row()
    {
        using var folder = new TemporaryFolder();
        var set = Request(folder).Items(Recipe().Data[0])!;
        void List(int first) => File.WriteAllLines(folder["list.txt"], set.Of(PictureSplit.Train).GroupBy(item => set.Set.Items[item].Class).Select(own => set.Set.Items[own.ElementAt(first)].Path));
        Recipe Listed() => Recipe("""{"name": "linear", "head": {"kind": "linear", "pool": 1}}""", "seeds=[3]", "train.learningRates=[0.001]", $"train.subset={folder["list.txt"]}");
        List(first: 0);

        var comparison = RunRecipe.Run(Request(folder, Listed()), folder["out"]);

        Assert.Equal((10, "the 10 training pictures listed in list.txt"), (comparison.Entries[0].TrainPictures, comparison.Entries[0].How["trained on"]));
        List(first: 1);
        Assert.Contains("listSha256", Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Listed()), folder["out"])).Message);
    }

    // Only listed pictures go through the net where every row that reads a store is trained on a list; neighbours are searched among all.
    [Fact]
    public void Rows_that_are_all_trained_on_lists_keep_features_of_these_pictures_alone()
    {
        using var folder = new TemporaryFolder();
        var set = Request(folder).Items(Recipe().Data[0])!;
        var train = set.Of(PictureSplit.Train).GroupBy(item => set.Set.Items[item].Class).ToList();
        foreach (var (name, few) in new[] { ("one.txt", 1), ("two.txt", 2) })
        {
            File.WriteAllLines(folder[name], train.SelectMany(own => own.Take(few)).Select(item => set.Set.Items[item].Path));
        }
        string Row(string name, string list) => $$$"""{"name": "{{{name}}}", "head": {"kind": "linear", "pool": 1}, "train": {"subset": "{{{folder[list]}}}"}}""";
        var rows = $"{Row("one", "one.txt")}, {Row("two", "two.txt")}";
        string[] quick = ["seeds=[3]", "train.learningRates=[0.001]"];

        RunRecipe.Run(Request(folder, Recipe(rows, quick)), folder["narrow"]);
        var wide = RunRecipe.Run(Request(folder, Recipe(rows + """, {"name": "knn", "method": "knn", "knn": {"k": 3}}""", quick)), folder["wide"]);

        int Kept(string run) => File.ReadLines(Path.Combine(Directory.EnumerateDirectories(folder[$"{run}/features/toys"]).Single(), "rows.jsonl")).Count();
        Assert.Equal((20 + 20, 60 + 20), (Kept("narrow"), Kept("wide")));
        Assert.Equal([10L, 20], wide.Entries.Take(2).Select(entry => entry.TrainPictures!.Value));
        Assert.Equal(40, Assert.Single(RecipeEstimate.Of(Request(folder, Recipe(rows, quick))).Stores).Pictures);
        Assert.Equal([10L, 20], ResultFile.Read(folder["narrow"]).Select(entry => entry.TrainPictures!.Value));
        Directory.Delete(folder["wide/rows/one"], recursive: true);
        RunRecipe.Run(Request(folder, Recipe(Row("one", "one.txt"), quick)), folder["wide"], p => Assert.DoesNotContain("extract", p.Activity)); // the store of all pictures serves
    }

    [Fact]
    public void A_first_seed_that_was_run_alone_is_taken_over_by_a_run_of_several()
    {
        using var folder = new TemporaryFolder();
        const string Two = """{"name": "linear", "head": {"kind": "linear", "pool": 1}}, {"name": "chosen", "head": {"kind": "linear", "pool": 1}, "choose": {"t": [50, 200]}}""";
        RunRecipe.Run(Request(folder, Recipe(Two, "seeds=[0]")), folder["out"]);
        var first = TemporaryFolder.Contents(folder["out"]);

        var before = RecipeEstimate.Of(Request(folder, Recipe(Two))).Done(folder["out"]);
        var (trained, extracted) = (0, 0);
        var comparison = RunRecipe.Run(Request(folder, Recipe(Two)), folder["out"], p => { trained += p.Activity.Contains("train") ? 1 : 0; extracted += p.Activity.Contains("extract") ? 1 : 0; });
        RunRecipe.Run(Request(folder, Recipe(Two)), folder["whole"]);

        Assert.StartsWith($"0 of 2 rows are done in {folder["out"]}; 1 of 2 seeds of 'linear'; 1 of 2 seeds of 'chosen'. The rows that remain: ", before);
        Assert.StartsWith("2 of 2 rows are done", RecipeEstimate.Of(Request(folder, Recipe(Two))).Done(folder["out"]));
        Assert.Contains("'linear' is there as it was defined otherwise", RecipeEstimate.Of(Request(folder, Recipe(Two, "train.epochs=3"))).Done(folder["out"]));
        Assert.Null(RecipeEstimate.Of(Request(folder, Recipe(Two))).Done(folder["none"]));
        Assert.Equal((true, 0), (trained > 0, extracted));
        var (after, whole) = (TemporaryFolder.Contents(folder["out"]), TemporaryFolder.Contents(folder["whole"]));
        Assert.All(first.Keys.Where(name => name.Contains("seed-0") || name.Contains("choice")), name => Assert.Equal(first[name], after[name]));
        Assert.All(whole.Keys.Where(name => !name.EndsWith("metrics.jsonl", StringComparison.Ordinal)), name => Assert.Equal(whole[name], after[name]));
        Assert.All(comparison.Entries, entry => Assert.Equal([0ul, 1], entry.Seeds.Select(seed => seed.Seed)));
    }

    [Fact]
    public void Features_that_take_more_room_than_they_may_are_refused_before_anything_is_computed()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder) with { KeepLimit = 1e-6 }, folder["out"]));

        Assert.Contains("MiB, more than --keep-limit 1E-06 GiB: t 50,200, blocks 4,5 of toys", error.Message);
        Assert.False(Directory.Exists(folder["out"]));
        RunRecipe.Run(Request(folder, Recipe("""{"name": "linear", "head": {"kind": "linear", "pool": 1}}""", "seeds=[0]")) with { KeepLimit = 1 }, folder["out"]);
    }

    [Fact]
    public void What_cannot_be_run_is_refused_by_name_before_anything_is_computed()
    {
        using var folder = new TemporaryFolder();
        void Refused(string part, RunRequest request)
        {
            var error = Assert.ThrowsAny<Exception>(() => RunRecipe.Run(request, folder["out"]));
            Assert.Contains(part, error.Message);
            Assert.False(Directory.Exists(folder["out"]));
        }

        Refused("needs pictures of 'toys': give --data DIR", Request(folder) with { Data = new Dictionary<string, string>() });
        Refused("'birds' is no data set", Request(folder) with { Data = new Dictionary<string, string> { ["birds"] = "x" } });
        Refused("there is no row 'other'", Request(folder) with { Rows = ["other"] });
        Refused("block 40: this net has blocks 1 to 9", Request(folder, Recipe(Rows, "rows.1.features.blocks=[40]")));
        Refused("the head reads blocks 2", Request(folder, Recipe($$"""{"name": "f", "method": "feedback", "head": {{Reader}}, "choose": {"blocks": [7, 2]} }""")));
        Refused("row 'f': t 5000: expected steps of 0 to 999", Request(folder, Recipe($$"""{"name": "f", "method": "finetune", "head": {{Reader}}, "choose": {"t": [50, 5000]} }""")));
        Refused("no such file", Request(folder) with { Model = folder["missing.pt"] });
    }

    [Theory]
    [InlineData("", "smaller side enlarged")]
    [InlineData(""", "crop": "centre" """, "centre")]
    public void A_row_with_fresh_noise_crops_as_its_recipes_source_does(string crop, string expected)
    {
        using var folder = new TemporaryFolder();
        var row = $$$"""{"name": "live", "head": {"kind": "linear", "pool": 1}, "features": {"noise": "fresh"{{{crop}}}}, "train": {"recipe": "released-code", "epochs": 1}}""";

        RunRecipe.Run(Request(folder, Recipe(row, "seeds=[0]", "train.learningRates=[0.01]")), folder["out"]);

        Assert.StartsWith(expected, (string?)JsonNode.Parse(File.ReadAllText(folder["out/rows/live/seed-0/result.json"]))!["features"]!["training"]!["crop"]);
    }

    [Fact]
    public void Rows_that_are_not_run_again_stay_in_the_results()
    {
        using var folder = new TemporaryFolder();
        string Row(string name, int pool) => $$$"""{"name": "{{{name}}}", "head": {"kind": "linear", "pool": {{{pool}}}}}""";
        RunRecipe.Run(Request(folder, Recipe($"{Row("one", 1)}, {Row("two", 2)}")), folder["out"]);
        var whole = TemporaryFolder.Contents(folder["out"]);

        RunRecipe.Run(Request(folder, Recipe($"{Row("one", 1)}, {Row("two", 2)}")) with { Rows = ["two"] }, folder["out"]);
        Assert.Equal(whole["results.json"], TemporaryFolder.Contents(folder["out"])["results.json"]);
        var other = RunRecipe.Run(Request(folder, Recipe($"{Row("one", 4)}, {Row("two", 2)}")) with { Rows = ["two"] }, folder["out"]);

        Assert.Equal("two", Assert.Single(other.Entries).Name);                            // "one" is another row now
        using var stop = new CancellationTokenSource();
        Directory.Delete(folder["out/rows/one"], recursive: true);
        Directory.Delete(folder["out/rows/two"], recursive: true);
        RunRecipe.Run(Request(folder, Recipe($"{Row("one", 1)}, {Row("two", 2)}")), folder["out"]);
        Assert.ThrowsAny<OperationCanceledException>(() => RunRecipe.Run(Request(folder, Recipe($"{Row("one", 1)}, {Row("two", 2)}, {Row("three", 4)}")), folder["out"], _ => stop.Cancel(), stop.Token));
        Assert.Equal(["one", "two"], ResultFile.Read(folder["out"]).Select(entry => entry.Name));
    }

    [Fact]
    public void Pictures_of_the_same_names_with_other_contents_and_sets_of_other_names_are_refused()
    {
        using var folder = new TemporaryFolder();
        var set = TinyNet.Pictures(40, 20);
        void Save(string at, int shift)
        {
            foreach (var (i, item) in set.Items.Index())
            {
                var (path, picture) = (folder[$"{at}/{(item.Split == PictureSplit.Test ? "test" : "train")}/{Path.ChangeExtension(item.Path, ".png")}"], ImageDecoder.Decode(set.ReadBytes(i), item.Path));
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                picture.Rgb[^1] += (byte)shift;
                File.WriteAllBytes(path, PictureEncoder.Png(picture));
            }
        }
        Save("pictures", shift: 0);
        const string Row = """{"name": "linear", "head": {"kind": "linear", "pool": 1}}""";
        RunRequest Of(string pictures, params string[] changes) => Request(folder, Recipe(Row, changes)) is var request ? request with { Data = new Dictionary<string, string> { [request.Recipe.Data[0].Name] = folder[pictures] } } : null!;
        RunRecipe.Run(Of("pictures"), folder["out"]);
        Save("others/pictures", shift: 1);

        Assert.Contains("have other contents now", Assert.Throws<RecipeException>(() => RunRecipe.Run(Of("others/pictures"), folder["out"])).Message);
        Assert.Contains("data: \"toys\" there, \"games\" asked for", Assert.Throws<RecipeException>(() => RunRecipe.Run(Of("pictures", "data.0.name=games"), folder["out"])).Message);
    }

    [Theory]
    [InlineData("run.json", "{}")]
    [InlineData("run.json", "null")]
    [InlineData("rows/chosen/choice.json", "[]")]
    [InlineData("rows/chosen/choice.json", "{}")]
    [InlineData("rows/chosen/row.json", "")]
    [InlineData("rows/chosen/seed-0/result.json", "{}")]
    [InlineData("rows/chosen/seed-0/result.json", "{\"test\": {}}")]
    public void A_damaged_file_of_a_run_is_named_with_what_to_do(string file, string text)
    {
        using var folder = new TemporaryFolder();
        const string Row = """{"name": "chosen", "head": {"kind": "linear", "pool": 1}, "choose": {"t": [50, 200]}}""";
        RunRecipe.Run(Request(folder, Recipe(Row, "seeds=[0]")), folder["out"]);
        var path = Path.Combine(folder["out"], file);
        File.WriteAllText(path, text);

        var error = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row, "seeds=[0]")), folder["out"]));

        Assert.StartsWith($"{path} is damaged (", error.Message);
        File.Delete(path);
        RunRecipe.Run(Request(folder, Recipe(Row, "seeds=[0]")), folder["out"]);
    }

    [Fact]
    public void Results_of_another_model_or_of_a_row_defined_otherwise_are_not_mixed_in()
    {
        using var folder = new TemporaryFolder();
        const string Row = """{"name": "linear", "head": {"kind": "linear", "pool": 1}}""";
        RunRecipe.Run(Request(folder, Recipe(Row)), folder["out"]);

        var model = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row), seed: 2), folder["out"]));
        var row = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row, "train.epochs=3")), folder["out"]));
        var data = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row)) with { Limit = 30 }, folder["out"]));

        Assert.Contains("net-1.safetensors (SHA-256", model.Message);
        Assert.Contains("epochs", row.Message);
        Assert.Contains("other pictures of toys", data.Message);
    }

    [Fact]
    public void A_dry_run_counts_given_pictures_and_names_all_that_is_wrong()
    {
        using var folder = new TemporaryFolder();
        var request = Request(folder);

        var estimate = RecipeEstimate.Of(request with { Data = new Dictionary<string, string> { ["toys"] = "builtin:train=50,test=20,size=16,seed=3" } });
        var fault = Assert.Throws<RecipeException>(() => RecipeEstimate.Of(request with { Model = folder["missing.pt"], Data = new Dictionary<string, string> { ["toys"] = folder["nothing"] } }));

        Assert.Equal(70, Assert.Single(estimate.Stores).Pictures);
        Assert.Contains(estimate.Notes, note => note.StartsWith("toys: 50 training and 20 test pictures"));
        Assert.Contains("missing.pt", fault.Message);
        Assert.Contains("nothing", fault.Message);
    }
}
