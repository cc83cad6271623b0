using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Cli;

/// <summary>A slip of an output's name loses no result.</summary>
public class OutputTests
{
    [Fact]
    public void Files_of_another_kind_are_not_written_over()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), TinyNet.Request with { T = [50], Pools = [1] }, folder["store"], new() { BatchSize = 20 });
        using (var store = FeatureStore.Open(folder["store"]))
        {
            TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] }), folder["head"]);
        }
        var (result, head) = (folder["head/result.json"], folder["head/head.safetensors"]);
        var before = TemporaryFolder.Contents(folder["head"]);

        Refused("holds another result", "knn", "--store", folder["store"], "--k", "3", "--out", folder["head"]);
        Refused("is a feature store", "knn", "--store", folder["store"], "--k", "3", "--out", folder["store"]);
        Refused("of another kind", "compare", folder["head"], "--markdown", result);
        Refused("of another kind", "compare", folder["head"], "--html", head);
        Refused("of another kind", "evaluate", "--head", head, "--store", folder["store"], "--out", result);

        Assert.All(before, file => Assert.Equal(file.Value, TemporaryFolder.Contents(folder["head"])[file.Key]));
        foreach (var _ in new[] { "first", "again" })
        {
            Done("knn", "--store", folder["store"], "--k", "3", "--out", folder["knn"]);
            Done("compare", folder["head"], "--markdown", folder["table.md"], "--html", folder["table.html"]);
            Done("evaluate", "--head", head, "--store", folder["store"], "--out", folder["test.json"]);
        }
    }

    // Its second pass goes on from what the store holds, and predictions are made as the store says.
    [Fact]
    public void Feedback_from_a_store_is_computed_as_the_store_was_made()
    {
        using var folder = new TemporaryFolder();
        using (var tiny = new TinyNet()) { UNetFile.Write(folder["net.safetensors"], TinyNet.Config, "linear", tiny.Store.ToEntries()); }
        string[] train = ["train", "--head", "diffeed", "--model", folder["net.safetensors"], "--t", "50", "--epochs", "1", "--train-batch", "10"];

        Done([.. train, "--data", "builtin:train=20,test=10", "--precision", "bf16", "--out", folder["first"]]);
        Done([.. train, "--store", folder["first/features"], "--out", folder["again"]]);

        Assert.Equal(File.ReadAllBytes(folder["first/head.safetensors"]), File.ReadAllBytes(folder["again/head.safetensors"]));
    }

    static void Refused(string message, params string[] line)
    {
        var (code, errors) = Command.Run(line);
        Assert.Equal(1, code);
        Assert.StartsWith("error: ", errors);
        Assert.Contains(message, errors);
    }

    static void Done(params string[] line)
    {
        var (code, errors) = Command.Run(line);
        Assert.True(code == 0, errors);
    }
}
