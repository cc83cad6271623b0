using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class NearestNeighboursTests
{
    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny, FeatureRequest? request = null, string name = "store")
    {
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(60, 30)), request ?? TinyNet.Request, folder[name], new() { BatchSize = 20, ShardBytes = 16 * 1024 });
        return FeatureStore.Open(folder[name]);
    }

    [Fact]
    public void A_sweep_over_the_store_is_as_gathered_in_memory()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var request = new NeighboursRequest { Knn = new() { K = [3, 20], Memory = 4096 } };

        var result = NearestNeighbours.Run(store, request, folder["knn"]);

        Assert.Equal(2 * 2 * 2 * 2 * 2, result.Lines.Count);
        var (train, test) = (store.RowsOf(PictureSplit.Train), store.RowsOf(PictureSplit.Test));
        Tensor Labels(int[] rows) => Tensor.From(rows.Select(row => store.Labels[row]).ToArray());
        foreach (var name in request.Names(store.Request))
        {
            foreach (var score in new Knn { K = [3, 20] }.Evaluate(store.Gather(name, train).Flatten(1), Labels(train), store.Gather(name, test).Flatten(1), Labels(test), 10))
            {
                Assert.Contains(NeighboursLine.Of(new(name, score), outcomes: null), result.Lines);
            }
        }
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["knn"], TrainHead.ResultFile)));
        Assert.Equal(32, json.RootElement.GetProperty("lines").GetArrayLength());
        Assert.Equal(["Top-1 of 3 nearest neighbours, pool 1 x 1", "Top-1 of 3 nearest neighbours, pool 4 x 4"], result.HeatMaps().Select(map => map.Title));
        Assert.Contains("Top-1 of 3 nearest neighbours", result.Page().Html());
    }

    [Fact]
    public void Looks_are_averaged_before_they_are_compared()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny, TinyNet.Request with { Flip = true, Draws = 2, StoredAs = DType.Float16 });
        var name = new FeatureName(50, 4, 1);
        Tensor Mean(int[] rows) => (store.Gather(name, rows) + store.Gather(name with { Draw = 1 }, rows) + store.Gather(name with { View = 1 }, rows) + store.Gather(name with { View = 1, Draw = 1 }, rows)).Flatten(1) / 4.0;
        var (train, test) = (store.RowsOf(PictureSplit.Train), store.RowsOf(PictureSplit.Test));
        Tensor Labels(int[] rows) => Tensor.From(rows.Select(row => store.Labels[row]).ToArray());

        var result = NearestNeighbours.Run(store, new() { Knn = new() { K = [5, 9] }, T = [50], Blocks = [4], Pools = [1], AverageLooks = true }, folder["knn"]);

        var expected = new Knn { K = [5, 9] }.Evaluate(Mean(train), Labels(train), Mean(test), Labels(test), 10);
        Assert.Equal(expected.Select(score => score.Accuracy.Hits), result.Lines.Select(line => line.Top1Hits));
        Assert.Equal(4, result.AveragedLooks);
        var entries = ResultFile.Read(folder["knn"]);
        Assert.Equal(4, entries.Count);
        foreach (var (line, entry) in result.Lines.Zip(entries))                           // each with its own outcomes
        {
            var outcomes = PictureOutcomes.Read(entry.OutcomesFile!);
            Assert.Equal(line.Top1Hits, outcomes.Outcomes.Hits.Count(hit => hit));
            Assert.Equal(result.TestSha256, outcomes.TestSha256);
        }
    }

    // Two stores of the same training pictures and of other test pictures: were a test picture looked at, the figures would differ.
    [Fact]
    public void Held_out_pictures_stand_for_the_test_pictures_in_a_choice()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        NeighboursResult Ask(int test)
        {
            Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(60, test)), TinyNet.Request, folder[$"store-{test}"], new() { BatchSize = 20 });
            using var store = FeatureStore.Open(folder[$"store-{test}"]);
            return NearestNeighbours.Run(store, new() { Knn = new() { K = [3] }, OnHeldOut = true });
        }

        var (few, more) = (Ask(10), Ask(30));

        Assert.Equal(few.Lines, more.Lines);
        Assert.Equal(60, few.TrainPictures + few.Lines[0].Pictures);
        Assert.Contains("test pictures were not used", few.Choice);
    }

    [Fact]
    public void Results_on_the_same_pictures_are_compared_picture_by_picture()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        NeighboursRequest One(int k) => new() { Knn = new() { K = [k] }, T = [50], Blocks = [4], Pools = [1] };
        NearestNeighbours.Run(store, One(1), folder["a"]);
        NearestNeighbours.Run(store, One(20), folder["b"]);
        var (a, b) = (PictureOutcomes.Read(folder["a/outcomes-k1-weighted.safetensors"]), PictureOutcomes.Read(folder["b/outcomes-k20-weighted.safetensors"]));

        var paired = PictureOutcomes.Compare(a, b)!;
        Outcomes reversed = new();
        for (var i = b.Outcomes.Count - 1; i >= 0; i--)
        {
            reversed.Add(b.Outcomes.Labels[i], b.Outcomes.Predicted[i], b.Outcomes.Ranks[i]);
        }

        Assert.Equal(30, paired.Pictures);
        Assert.Equal(a.Outcomes.Hits.Zip(b.Outcomes.Hits).Count(pair => pair is (true, false)), paired.OnlyFirst);
        Assert.Equal(paired, PictureOutcomes.Compare(a, new([.. b.Pictures.Reverse()], reversed)));
        Assert.Null(PictureOutcomes.Compare(a, b with { Pictures = [.. b.Pictures.Skip(1), new(5)] }));
    }

    [Fact]
    public void What_a_store_lacks_is_said_before_anything_is_computed()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);

        var error = Assert.Throws<FeatureStoreException>(() => NearestNeighbours.Run(store, new() { Blocks = [3] }, folder["knn"]));

        Assert.Contains("block 3", error.Message);
        Assert.False(Directory.Exists(folder["knn"]));
    }
}
