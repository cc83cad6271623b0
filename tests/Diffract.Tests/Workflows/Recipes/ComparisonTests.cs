using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

public class ComparisonTests
{
    static ResultEntry Entry(string name, params double[] hits) => new()
    {
        Name = name, Kind = "linear", How = new Dictionary<string, string> { ["t"] = "90", ["blocks"] = name },
        Seeds = [.. hits.Select((hit, i) => new SeedScore((ulong)i, 100, (long)hit, hit / 100, 0, 1, 100, 1, null, null))],
    };

    [Fact]
    public void Seeds_become_mean_and_spread_and_differences_are_named()
    {
        var comparison = Comparison.Of([Entry("a", 50, 60, 70), Entry("b", 40)]);

        Assert.Equal((0.6, 0.1), (comparison.Entries[0].Top1, Math.Round(comparison.Entries[0].Spread!.Value, 12)));
        Assert.Equal(Interval.Wilson(60, 100), comparison.Entries[0].Interval);
        Assert.Null(comparison.Entries[1].Spread);
        Assert.Equal(["blocks: a (1); b (2)"], comparison.Notes());
        Assert.Contains("10.00", comparison.Table().Text());
        Assert.Null(comparison.PairedTable());
        foreach (var text in new[] { comparison.Text(), comparison.Markdown("t", []), comparison.Page("t", []).Html() })
        {
            Assert.Contains("60.00", text);
            Assert.Contains("Not made the same way", text);
        }
    }

    [Fact]
    public void Results_of_train_knn_and_evaluate_are_read_and_paired()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(60, 30)), TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        var recipe = HeadRecipes.Get("default", attention: false) with { Epochs = 2, LearningRates = [1e-2], WeightDecays = [0] };
        var trained = TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, recipe) { T = [50], Blocks = [4] }, folder["head"]);
        var other = TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, recipe) { T = [200], Blocks = [4] }, folder["other"]);
        NearestNeighbours.Run(store, new() { Knn = new() { K = [3] }, T = [50], Blocks = [4], Pools = [1] }, folder["knn"]);

        var comparison = Comparison.Of([.. new[] { folder["head"], folder["other/result.json"], folder["knn"] }.SelectMany(ResultFile.Read)]);

        Assert.Equal(["head", "other", "knn, t 50, b 4, pool 1, k 3 weighted", "knn, t 50, b 4, pool 1, k 3 majority"], comparison.Entries.Select(entry => entry.Name));
        Assert.Equal(trained.Test.Top1, comparison.Entries[0].Top1);
        Assert.Contains("t: 50 (1, 3, 4); 200 (2)", comparison.Notes());
        Assert.DoesNotContain(comparison.Differences, difference => difference.Fact is "test pictures" or "model" or "precision");
        var paired = comparison.Paired[0].Compared;
        Assert.Equal((trained.Test.Top1Hits, other.Test.Top1Hits), (paired.Both + paired.OnlyFirst, paired.Both + paired.OnlySecond));
        Assert.Contains("Picture by picture", comparison.Markdown("t", []));
    }

    [Fact]
    public void An_evaluation_says_what_was_averaged_and_tested()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(60, 30)), TinyNet.Request with { Draws = 2 }, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        var recipe = HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] };
        var result = TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, recipe) { AverageLooks = true }, folder["head"]);
        using var head = TrainedHead.Open(folder["head/head.safetensors"]);

        EvaluateHead.Test(head, store, averageLooks: true).Write(folder["averaged.json"]);
        EvaluateHead.Test(head, store).Write(folder["one.json"]);

        var comparison = Comparison.Of([.. new[] { folder["head"], folder["averaged.json"], folder["one.json"] }.SelectMany(ResultFile.Read)]);
        Assert.Contains("looks averaged: 2 (1, 2); 1 (3)", comparison.Notes());
        Assert.DoesNotContain(comparison.Differences, difference => difference.Fact == "test pictures");
        Assert.Equal(result.Test.Top1, comparison.Entries[1].Top1);
        var (same, other) = (comparison.Paired.Single(line => line.Second.Name == "averaged"), comparison.Paired.Single(line => line.Second.Name == "one"));
        Assert.Equal((0, 0, result.Test.Top1Hits), (same.Compared.OnlyFirst, same.Compared.OnlySecond, same.Compared.Both));
        Assert.Equal(comparison.Entries[2].Seeds[0].Top1Hits, other.Compared.Both + other.Compared.OnlySecond);
    }

    // An evaluation of an earlier version kept no outcomes; those that lie in its folder are of the head's training.
    [Fact]
    public void An_evaluation_without_outcomes_is_not_paired_with_anothers()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(60, 30)), TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] }), folder["head"]);
        using var head = TrainedHead.Open(folder["head/head.safetensors"]);
        EvaluateHead.Test(head, store).Write(folder["head/eval.json"]);
        Assert.NotNull(ResultFile.Read(folder["head/eval.json"])[0].OutcomesFile);

        var json = JsonNode.Parse(File.ReadAllText(folder["head/eval.json"]))!.AsObject();
        json.Remove("outcomes");
        File.WriteAllText(folder["head/eval.json"], json.ToJsonString());

        Assert.Null(ResultFile.Read(folder["head/eval.json"])[0].OutcomesFile);
    }

    [Theory]
    [InlineData("""{"kind": "linear", "batchNorm": true}""", """{"kind": "linear", "batchNorm": false}""", "batch norm: true (1); false (2)")]
    [InlineData("""{"feedback": {"strategy": "all", "layers": ["Convolution", "Relu"]}}""", """{"feedback": {"strategy": "all", "layers": ["Convolution"]}}""", "feedback layers: Convolution,Relu (1); Convolution (2)")]
    [InlineData("""{"feedback": {"strategy": "all", "pairs": [{"from": 9, "to": 1}, {"from": 8, "to": 2}]}}""", """{"feedback": {"strategy": "all", "pairs": [{"from": 9, "to": 1}]}}""", "feedback pairs: 9-1,8-2 (1); 9-1 (2)")]
    [InlineData("""{"kind": "mlp", "hidden": [4, 2]}""", """{"kind": "mlp", "hidden": [8]}""", "head's hidden: 4,2 (1); 8 (2)")]
    [InlineData("""{"reader": {"kind": "attention", "depth": 1}, "firstReadBlocks": [3]}""", """{"reader": {"kind": "attention", "depth": 1}, "firstReadBlocks": [3, 4]}""", "first pass's blocks: 3 (1); 3,4 (2)")]
    [InlineData("""{"kind": "attention", "depth": 1}""", """{"kind": "attention", "depth": 2}""", "head's depth: 1 (1); 2 (2)")]
    public void What_differs_in_a_head_is_said(string first, string second, string note)
    {
        ResultEntry Of(string head) => Entry("a", 50) with { How = ResultFacts.Of(null, new JsonObject { ["head"] = JsonNode.Parse(head) }) };

        Assert.Equal([note], Comparison.Of([Of(first), Of(second)]).Notes());
    }

    [Fact]
    public void What_is_no_result_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["a.json"], "{\"x\": 1}");
        File.WriteAllText(folder["b.json"], "{");
        Assert.Contains("no test, lines or score", Assert.Throws<RecipeException>(() => ResultFile.Read(folder["a.json"])).Message);
        Assert.Contains("b.json", Assert.Throws<RecipeException>(() => ResultFile.Read(folder["b.json"])).Message);
        Assert.Contains("there is no results.json", Assert.Throws<RecipeException>(() => ResultFile.Read(folder.Path)).Message);
    }
}
