using Diffract.Features;
using Diffract.Metrics;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Cli;

public class InfoTests
{
    [Fact]
    public void A_folder_of_features_and_one_of_results_say_what_they_are()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures()), TinyNet.Request, folder["store"]);
        using var store = FeatureStore.Open(folder["store"]);
        NearestNeighbours.Run(store, new NeighboursRequest { Knn = new Knn { K = [3] }, T = [50], Blocks = [4], Pools = [1] }, folder["knn"]);

        Assert.Contains("store: a feature store, complete: 60 pictures of 10 classes", Command.RunWith([], "info", folder["store"]).Output);
        var results = Command.RunWith([], "info", folder["knn"]).Output;
        Assert.Contains("knn", results);
        Assert.Contains("Intervals are 95 % (Wilson)", results);
        var (code, _, errors) = Command.RunWith([], "info", folder.Path);
        Assert.Equal(1, code);
        Assert.Contains("is not a feature store", errors);
    }
}
