using System.CommandLine;
using System.Text.Json;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Workflows;

namespace Diffract.Cli;

static class KnnVerb
{
    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "Feature store", Required = true, HelpName = "STORE" };
        var (t, block, pool) = (new Option<int?>("--t") { Description = "Step; left out: the store's first" }, new Option<int?>("--block") { Description = "Block; left out: the store's last" }, new Option<int?>("--pool") { Description = "Pool; left out: the store's first" });
        var k = new Option<string>("--k") { Description = "Neighbours", DefaultValueFactory = _ => "20,200", HelpName = "LIST" };
        var temperature = new Option<double>("--temperature") { Description = "Of the weights exp(cosine / T)", DefaultValueFactory = _ => 0.07 };
        var json = CommonOptions.Json();
        var verb = new Command("knn", "Exact k-nearest-neighbour accuracy of features by cosine") { store, t, block, pool, k, temperature, json };
        verb.SetAction(arguments =>
        {
            using var features = FeatureStore.Open(arguments.GetValue(store)!);
            var request = features.Request;
            var name = new FeatureName(arguments.GetValue(t) ?? request.T[0], arguments.GetValue(block) ?? request.Blocks[^1], arguments.GetValue(pool) ?? request.Pools[0]);
            var scores = NearestNeighbours.Run(features, name, new() { K = FeatureOptions.Numbers("--k", arguments.GetValue(k)!), Temperature = arguments.GetValue(temperature) }, Run.Cancellation);
            foreach (var score in scores)
            {
                var line = Score.Of(score.Accuracy, features.Manifest.ClassNames);
                Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(new { score.K, votes = score.Votes.ToString(), line.Pictures, line.Top1Hits, line.Top1, line.Low, line.High, line.Top5 }, JsonOutput.Options)
                    : $"k = {score.K}, {score.Votes.ToString().ToLowerInvariant()} votes: {TrainVerb.Line(line)}");
            }
            return 0;
        });
        return verb;
    }
}
