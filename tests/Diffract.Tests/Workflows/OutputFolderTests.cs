using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class OutputFolderTests
{
    [Theory, InlineData("store"), InlineData("pixels"), InlineData("head"), InlineData("knn"), InlineData("model")]
    public void Two_runs_do_not_write_into_one_folder_at_once(string place)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["features"]);
        using var store = FeatureStore.Open(folder["features"]);
        var runs = new Dictionary<string, Action>
        {
            ["store"] = () => Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"]),
            ["pixels"] = () => PixelStore.Make(items, 8, folder["pixels"]).Dispose(),
            ["head"] = () => TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false)) { T = [50], Blocks = [4] }, folder["head"]),
            ["knn"] = () => NearestNeighbours.Run(store, new NeighboursRequest { Knn = new Knn { K = [3] } }, folder["knn"]),
            ["model"] = () => Pretrain.Run(new() { Net = TinyNet.Config, Pictures = 16, BatchSize = 16, HeldOut = 4 }, TinyNet.Pictures(), folder["model"]),
        };

        using (OutputFolder.Claim(folder[place]))
        {
            Assert.Equal($"{folder[place]}: another run is writing there. Wait for it, stop it, or choose another --out.", Assert.Throws<IOException>(runs[place]).Message);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder[place]));
        runs[place]();
        Assert.NotEmpty(Directory.EnumerateFiles(folder[place]));
        Assert.DoesNotContain(Directory.EnumerateFiles(folder[place]), file => Path.GetFileName(file).StartsWith('.'));
        if (place is "store" or "pixels" or "head")
        {
            using (OutputFolder.Claim(folder[place]))
            {
                runs[place]();                                                             // what is finished is not written again
            }
        }
    }
}
