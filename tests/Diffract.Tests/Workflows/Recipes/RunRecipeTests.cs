using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

public class RunRecipeTests
{
    const string Rows = """
        {"name": "knn", "method": "knn", "knn": {"k": 5}, "paper": 49.0},
        {"name": "linear", "head": {"kind": "linear", "pool": 1}},
        {"name": "few labels", "head": {"kind": "linear", "pool": 1}, "train": {"perClass": 2}},
        {"name": "chosen", "head": {"kind": "linear", "pool": 1}, "choose": {"t": [50, 200], "blocks": [4, 5]}},
        {"name": "fused", "head": {"kind": "attention", "dim": 32, "heads": 2, "depth": 1, "tokens": {"kind": "projected", "size": 4, "norm": "channels"}}, "features": {"t": [50, 200]}}
        """;

    static Recipe Recipe(string rows = Rows, params string[] overrides) => RecipeReader.Parse($$"""
        {
          "about": "a stand-in", "model": "net.safetensors", "seeds": [0, 1], "data": [{"name": "toys", "classes": 10, "train": 60, "test": 20}],
          "features": {"t": [50], "blocks": [4], "flip": true, "precision": "fp32"},
          "train": {"epochs": 2, "batchSize": 16, "learningRates": [1e-3, 1e-2], "weightDecays": [0]},
          "rows": [{{rows}}]
        }
        """, "stand-in", "stand-in.json", overrides);

    static RunRequest Request(TemporaryFolder folder, Recipe? recipe = null, ulong seed = 1)
    {
        var model = folder[$"net-{seed}.safetensors"];
        if (!File.Exists(model))
        {
            using var tiny = new TinyNet(seed);
            UNetFile.Write(model, TinyNet.Config, "linear", tiny.Store.ToEntries());
        }
        return new() { Recipe = recipe ?? Recipe(), Model = model, Data = new Dictionary<string, string> { ["toys"] = "builtin:train=60,test=20,size=16,seed=3" }, Extract = new() { BatchSize = 20, Workers = 1 } };
    }

    // Stops the run after its first report, then ever later, until it comes to its end; how often it was stopped.
    static int InParts(int step, Action<Action<Progress>, CancellationToken> run)
    {
        for (var stops = 0; ; stops++)
        {
            using var source = new CancellationTokenSource();
            var reports = 0;
            try
            {
                run(_ => { if (++reports == 1 + stops * step) { source.Cancel(); } }, source.Token);
                return stops;
            }
            catch (OperationCanceledException)
            {
                Assert.True(stops < 100);
            }
        }
    }

    // Curves alone may differ: they tell each step's time.
    static void AssertSame(string whole, string parts)
    {
        var (one, other) = (TemporaryFolder.Contents(whole), TemporaryFolder.Contents(parts));
        Assert.Equal(one.Keys, other.Keys);
        Assert.All(one.Keys.Where(name => !name.EndsWith("metrics.jsonl", StringComparison.Ordinal)), name => Assert.True(one[name].SequenceEqual(other[name]), name));
    }

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

    const string Reader = """{"kind": "attention", "dim": 16, "heads": 1, "depth": 1, "tokens": {"kind": "projected", "size": 2, "norm": "channels"}}""";

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

    [Fact]
    public void Results_of_another_model_or_of_a_row_defined_otherwise_are_not_mixed_in()
    {
        using var folder = new TemporaryFolder();
        const string Row = """{"name": "linear", "head": {"kind": "linear", "pool": 1}}""";
        RunRecipe.Run(Request(folder, Recipe(Row)), folder["out"]);

        var model = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row), seed: 2), folder["out"]));
        var row = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row, "train.epochs=3")), folder["out"]));
        var data = Assert.Throws<RecipeException>(() => RunRecipe.Run(Request(folder, Recipe(Row)) with { Limit = 30 }, folder["out"]));

        Assert.Contains("net-1.safetensors instead of net-2.safetensors", model.Message);
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
