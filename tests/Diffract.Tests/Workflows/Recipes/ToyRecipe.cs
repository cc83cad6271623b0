using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows.Recipes;

/// <summary>A recipe on a tiny net and a few pictures, for the tests that run recipes.</summary>
static class ToyRecipe
{
    public const string Rows = """
        {"name": "knn", "method": "knn", "knn": {"k": 5}, "paper": 49.0},
        {"name": "linear", "head": {"kind": "linear", "pool": 1}},
        {"name": "few labels", "head": {"kind": "linear", "pool": 1}, "train": {"perClass": 2}},
        {"name": "chosen", "head": {"kind": "linear", "pool": 1}, "choose": {"t": [50, 200], "blocks": [4, 5]}},
        {"name": "fused", "head": {"kind": "attention", "dim": 32, "heads": 2, "depth": 1, "tokens": {"kind": "projected", "size": 4, "norm": "channels"}}, "features": {"t": [50, 200]}}
        """;

    public const string Reader = """{"kind": "attention", "dim": 16, "heads": 1, "depth": 1, "tokens": {"kind": "projected", "size": 2, "norm": "channels"}}""";

    public static Recipe Recipe(string rows = Rows, params string[] overrides) => RecipeReader.Parse($$"""
        {
          "about": "a stand-in", "model": "net.safetensors", "seeds": [0, 1], "data": [{"name": "toys", "classes": 10, "train": 60, "test": 20}],
          "features": {"t": [50], "blocks": [4], "flip": true, "precision": "fp32"},
          "train": {"epochs": 2, "batchSize": 16, "learningRates": [1e-3, 1e-2], "weightDecays": [0]},
          "rows": [{{rows}}]
        }
        """, "stand-in", "stand-in.json", overrides);

    public static RunRequest Request(TemporaryFolder folder, Recipe? recipe = null, ulong seed = 1)
    {
        var model = folder[$"net-{seed}.safetensors"];
        if (!File.Exists(model))
        {
            using var tiny = new TinyNet(seed);
            UNetFile.Write(model, TinyNet.Config, "linear", tiny.Store.ToEntries());
        }
        return new() { Recipe = recipe ?? Recipe(), Model = model, Data = new Dictionary<string, string> { ["toys"] = "builtin:train=60,test=20,size=16,seed=3" }, Extract = new() { BatchSize = 20, Workers = 1 } };
    }

    /// <summary>Stops the run after its first report, then ever later, until it comes to its end.</summary> <returns>How often it was stopped.</returns>
    public static int InParts(int step, Action<Action<Progress>, CancellationToken> run)
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

    /// <summary>Two runs' files have the same bytes, but for curves, which tell each step's time.</summary>
    public static void AssertSame(string whole, string parts)
    {
        var (one, other) = (TemporaryFolder.Contents(whole), TemporaryFolder.Contents(parts));
        Assert.Equal(one.Keys, other.Keys);
        Assert.All(one.Keys.Where(name => !name.EndsWith("metrics.jsonl", StringComparison.Ordinal)), name => Assert.True(one[name].SequenceEqual(other[name]), name));
    }
}
