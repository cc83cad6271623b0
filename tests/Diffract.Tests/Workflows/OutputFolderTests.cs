using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class OutputFolderTests
{
    [Fact]
    public void Two_runs_do_not_write_into_one_folder_at_once()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var items = ExtractItems.Of(TinyNet.Pictures());
        void Extracted() => Extract.Run(tiny.Backbone, items, TinyNet.Request, folder["store"]);
        void Trained() => TrainHead.Run(new StoreSource(FeatureStore.Open(folder["store"])), new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false)) { T = [50], Blocks = [4] }, folder["head"]);

        foreach (var (place, run) in new (string, Action)[] { ("store", Extracted), ("head", Trained) })
        {
            using (OutputFolder.Claim(folder[place]))
            {
                Assert.Equal($"{folder[place]}: another run is writing there. Wait for it, stop it, or choose another --out.", Assert.Throws<IOException>(run).Message);
            }
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder[place]));
            run();
            Assert.DoesNotContain(Directory.EnumerateFiles(folder[place]), file => Path.GetFileName(file).StartsWith('.'));
            using (OutputFolder.Claim(folder[place]))
            {
                run();                                                                     // what is finished needs no claim
            }
        }
    }
}
