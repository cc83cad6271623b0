using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

public class RecipeReaderTests
{
    const string Good = """
        // ./diffract run recipes/good.json
        {
          "about": "two rows", "source": "a paper, Table 1", "model": "net.pt", "seeds": [0, 1],
          "data": [{"name": "A", "classes": 3, "train": 30, "test": 6}, {"name": "B"}], // sizes of B are not known
          "features": {"t": [90], "blocks": [24], "flip": true, "precision": "fp32"},
          "train": {"recipe": "2307.08702", "epochs": 4},
          "rows": [
            {"name": "linear", "head": {"kind": "linear", "pool": 2}, "paper": {"A": 61.95}},
            {"name": "knn", "method": "knn", "features": {"t": [10, 20]}, "knn": {"k": 7, "votes": "majority"}, "paper": {"A": {"top1": 49.04, "top5": 71.4}, "B": 3}},
            {"name": "named", "head": "mlp-4k-2k", "train": {"epochs": 9, "perClass": 5}},
          ]
        }
        """;

    static Recipe Read(string text, params string[] overrides) => RecipeReader.Parse(text, "good", "good.json", overrides);

    [Fact]
    public void Rows_take_over_what_they_do_not_say()
    {
        var recipe = Read(Good);

        Assert.Equal(("good", "two rows", "a paper, Table 1", "net.pt"), (recipe.Name, recipe.About, recipe.Source, recipe.Model));
        Assert.Equal([0ul, 1], recipe.Seeds);
        Assert.Equal([new("A", 3, 30, 6), new("B")], recipe.Data);
        var (linear, knn, named) = (recipe.Rows[0], recipe.Rows[1], recipe.Rows[2]);
        Assert.Equal((RecipeMethod.Head, 2, 4), (linear.Method, ((LinearConfig)linear.Head!).Pool, linear.Training.Epochs));
        Assert.Equal([90], linear.Features.T);
        Assert.Equal((DType.Float32, true), (linear.Features.Precision, linear.Features.Flip));
        Assert.Equal([10, 20], knn.Features.T);
        Assert.Equal([24], knn.Features.Blocks);
        Assert.True(knn.Features.Flip);
        Assert.Equal(new RecipeNeighbours { K = 7, Majority = true }, knn.Neighbours);
        Assert.Equal((new PaperFigure(49.04, 71.4), new PaperFigure(3)), (knn.Paper["A"], knn.Paper["B"]));
        Assert.Equal(("mlp-4k-2k", 9, "2307.08702"), (named.HeadName!.ToString(), named.Training.Epochs, named.Training.Recipe));
        Assert.Equal(new TrainSubset.PerClass(5), named.Training.Subset);
    }

    [Fact]
    public void What_is_set_on_the_command_line_replaces_what_the_file_says()
    {
        var recipe = Read(Good, "train.epochs=2", "rows.*.features.t=[50]", "rows.0.head.pool=4", "model=other.pt", "data.1.share=0.5");

        Assert.All(recipe.Rows, row => Assert.Equal([50], row.Features.T));
        Assert.Equal([2, 9], new[] { recipe.Rows[0], recipe.Rows[2] }.Select(row => row.Training.Epochs!.Value));
        Assert.Equal(4, ((LinearConfig)recipe.Rows[0].Head!).Pool);
        Assert.Equal(("other.pt", 0.5), (recipe.Model, recipe.Data[1].Share));
    }

    [Fact]
    public void All_faults_are_named_together_and_those_of_what_rows_share_once()
    {
        var fault = Assert.Throws<RecipeException>(() => Read("""
            {
              "about": "x", "modle": "net.pt", "data": [{"name": "A", "train": 0}],
              "features": {"t": [90, 50], "blocks": [24], "pools": [2]},
              "rows": [
                {"name": "a", "head": {"kind": "linear", "pol": 2}},
                {"name": "b", "method": "guess", "head": "linear-x", "train": {"epochs": "many"}, "paper": 120},
                {"name": "A", "features": {"crop": "random"}, "paper": {"Z": 1}}
              ]
            }
            """, "rows.7.head=1", "train"));

        foreach (var part in new[] { "modle is unknown", "model is not given", "data.0.train is 0, expected an integer", "features.t is [90, 50], expected an ascending list", "features.pools is unknown", "unknown key pol",
            "method is \"guess\", expected head or knn or feedback or finetune", "linear-x", "train.epochs is \"many\"", "paper is 120", "rows.2.head is not given", "crop other than centre needs noise fresh", "paper.Z is no data set",
            "2 rows named 'a' or alike", "'7' is no place of a list of 3", "--set train: expected path=value" })
        {
            Assert.Contains(part, fault.Message);
        }
        Assert.Equal(2, fault.Message.Split("features.pools is unknown").Length);
    }

    static Recipe Row(string row) => Read($$"""{"about": "x", "model": "net.pt", "data": [{"name": "A"}], "features": {"t": [90], "blocks": [24]}, "rows": [{"name": "a", {{row}}}]}""");

    [Theory]
    [InlineData(""" "method": "finetune", "head": "linear", "train": {"recipe": "logistic"} """, "rows.0.train.recipe is logistic, which fits a head to features that stay as they are; to fine-tune, expected default, 2307.08702,")]
    [InlineData(""" "method": "feedback", "head": "attention", "train": {"recipe": "logistic"} """, "rows.0.train.recipe is logistic, which fits linear heads; with feedback, expected default, 2307.08702,")]
    [InlineData(""" "method": "knn", "features": {"noise": "fresh"} """, "rows.0.features.noise is fresh, but nearest neighbours are searched in a store, once; expected stored")]
    [InlineData(""" "method": "finetune", "head": "linear", "features": {"noise": "stored"} """, "rows.0.features.noise is stored, but a net that is trained has no features to keep; expected fresh")]
    [InlineData(""" "method": "feedback", "head": "attention", "features": {"noise": "stored", "crop": "random"} """, "rows.0.features.crop other than centre needs noise fresh")]
    [InlineData(""" "method": "feedback", "head": "attention", "feedback": {"strategy": "most"} """, "rows.0.feedback.strategy: feedback 'most': expected all, bottleneck")]
    [InlineData(""" "head": "linear", "train": {"subset": "nowhere.txt"} """, "rows.0.train.subset is nowhere.txt, which cannot be read")]
    [InlineData(""" "head": "linear", "train": {"subset": "nowhere.txt", "share": 0.1} """, "rows.0.train.subset and share are both given; expected one of perClass, share and subset")]
    public void A_setting_that_the_rows_method_has_no_use_for_is_refused(string row, string message) => Assert.Contains(message, Assert.Throws<RecipeException>(() => Row(row)).Message);

    [Theory]
    [InlineData(""" "method": "feedback", "head": "attention" """, true, false)]
    [InlineData(""" "method": "feedback", "head": "attention", "features": {"noise": "stored"} """, false, true)]
    [InlineData(""" "method": "finetune", "head": "linear", "features": {"crop": "random"} """, true, false)]
    [InlineData(""" "head": "linear" """, false, true)]
    [InlineData(""" "head": "linear", "features": {"noise": "fresh"} """, true, false)]
    [InlineData(""" "method": "knn" """, false, true)]
    public void Noise_that_is_not_said_is_the_methods_own(string row, bool isFresh, bool readsStore)
    {
        var read = Row(row).Rows[0];

        Assert.Equal((isFresh, readsStore), (read.Features.Fresh, read.ReadsStore));
    }

    // What a row does not say of its training is fine-tuning's where the net is trained, not probing's.
    [Theory]
    [InlineData(""" "method": "finetune", "head": "linear-1k" """, 5e-4, 0.75, true)]
    [InlineData(""" "method": "finetune", "head": "linear-1k", "train": {"recipe": "2307.08702"} """, 1e-4, 1, true)]
    [InlineData(""" "method": "finetune", "head": "linear-1k", "train": {"recipe": "2311.17921", "learningRates": [0.02]}, "layerDecay": 0.9 """, 0.02, 0.9, false)]
    [InlineData(""" "method": "finetune", "head": "attention-2", "train": {"recipe": "released-code"}, "feedback": {"strategy": "all"} """, 1e-3, 1, false)]
    public void A_fine_tuned_row_is_trained_as_fine_tuning_is(string row, double rate, double decay, bool batchNorm)
    {
        var read = Row(row).Rows[0];
        var head = read.HeadFor(new([90], [24], 1), new(new Diffract.Models.UNetConfig()))!;

        Assert.Equal([rate], read.RecipeFor(head, 0).LearningRates);
        Assert.Equal(decay, read.Tuning.LayerDecay);
        Assert.Equal(batchNorm, head is LinearConfig { BatchNorm: true });
        Assert.Equal(row.Contains("feedback"), read.Feedback is not null);
        Assert.Equal(row.Contains("feedback") ? 16 : 128, read.RecipeFor(head, 0).BatchSize);
    }

    // As `train` does it: fitted on a store, unless something says how to train it in steps.
    [Theory]
    [InlineData(""" "head": "linear-1k" """, OptimizerKind.Lbfgs)]
    [InlineData(""" "head": "linear-1k", "train": {"weightDecays": [0.1]} """, OptimizerKind.Lbfgs)]
    [InlineData(""" "head": "linear-1k", "train": {"epochs": 3} """, OptimizerKind.AdamW)]
    [InlineData(""" "head": "linear-1k", "choose": {"epochs": [1, 2]} """, OptimizerKind.AdamW)]
    [InlineData(""" "head": "linear-1k", "features": {"noise": "fresh"} """, OptimizerKind.AdamW)]
    [InlineData(""" "head": "linear-1k", "train": {"recipe": "2311.17921"} """, OptimizerKind.Adam)]
    [InlineData(""" "head": "attention-2" """, OptimizerKind.AdamW)]
    public void A_linear_row_is_fitted_where_the_command_line_fits_it(string row, OptimizerKind optimizer)
    {
        var read = Row(row).Rows[0];
        var head = read.HeadFor(new([90], [24], 1), new(new Diffract.Models.UNetConfig()))!;

        Assert.Equal(optimizer, read.RecipeFor(head, 0).Optimizer);
    }

    [Theory]
    [InlineData(""" "head": "linear-1k", "train": {"recipe": "2311.17921", "weightDecays": [0.1]} """, "is Adam, without decay")]
    [InlineData(""" "head": "linear-1k", "train": {"weightDecays": [0]} """, "it is the penalty")]
    public void Settings_that_cannot_be_trained_are_refused_before_anything_is_extracted(string row, string message) =>
        Assert.Contains(message, Assert.Throws<RecipeException>(() => RecipePlan.Make(Row(row), new(new Diffract.Models.UNetConfig()), new Dictionary<string, RecipePictures> { ["A"] = new(10, 100, 50) })).Message);

    [Fact]
    public void A_fit_needs_features_that_stay() =>
        Assert.Contains("with noise fresh, expected another", Assert.Throws<RecipeException>(() => Row(""" "head": "linear", "features": {"noise": "fresh"}, "train": {"recipe": "logistic"} """)).Message);

    [Fact]
    public void Feedback_and_few_labels_are_named_as_on_the_command_line()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["one percent.txt"], ["a_1.png", "b_2.png"]);

        Assert.Equal("multi-scale:2", Row(""" "method": "feedback", "head": "attention", "feedback": {"strategy": "multi-scale:2"} """).Rows[0].Feedback!.Strategy);
        var listed = Assert.IsType<TrainSubset.Listed>(Row($$""" "head": "linear", "train": {"subset": "{{folder["one percent.txt"]}}"} """).Rows[0].Training.Subset);
        Assert.Equal(["a_1.png", "b_2.png"], listed.Names);
    }

    [Fact]
    public void A_change_of_every_row_is_one_of_the_rows_that_are_run()
    {
        const string Text = """{"about": "a", "model": "builtin", "data": [{"name": "toys"}], "features": {"t": [50], "blocks": [5]}, "rows": [{"name": "linear", "head": "linear"}, {"name": "DifFeed", "head": "attention", "method": "feedback"}]}""";
        int?[] Epochs(string[]? rows) => [.. RecipeReader.Parse(Text, "test", "test.json", ["rows.*.train.epochs=2"], rows).Rows.Select(row => (int?)row.Json["train"]?["epochs"])];

        Assert.Equal([null, 2], Epochs(["DifFeed"]));
        Assert.Equal([2, 2], Epochs(null));
    }

    [Theory]
    [InlineData("[1]", "expected a JSON object"), InlineData("{", "not JSON"), InlineData("""{"about": "a", "about": "b"}""", "not JSON")]
    public void What_is_no_recipe_is_refused(string text, string message) => Assert.Contains(message, Assert.Throws<RecipeException>(() => Read(text)).Message);

    [Fact]
    public void A_missing_file_is_an_error_of_its_own() => Assert.Contains("nowhere.json: cannot be read", Assert.Throws<RecipeException>(() => RecipeReader.Read("/nowhere.json")).Message);
}
