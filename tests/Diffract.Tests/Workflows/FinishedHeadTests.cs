using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

/// <summary>A folder that holds a trained head, and is given to another training.</summary>
public class FinishedHeadTests
{
    static readonly HeadRecipe Quick = HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] };
    static readonly HeadConfig Attention = new AttentionConfig { Dim = 32, Heads = 2, Depth = 1, Tokens = new TokenConfig.Projected(4, TokenNorm.Channels) };

    static FeatureStore Store(TemporaryFolder folder, TinyNet tiny)
    {
        Extract.Run(tiny.Backbone, ExtractItems.Of(TinyNet.Pictures(40, 20)), TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        return FeatureStore.Open(folder["store"]);
    }

    [Fact]
    public void The_same_head_is_left_and_another_is_refused_with_what_differs()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var request = new TrainHeadRequest(new LinearConfig { Pool = 1 }, Quick);
        var result = TrainHead.Run(store, request, folder["head"]);
        var before = TemporaryFolder.Contents(folder["head"]);
        string Refused(TrainHeadRequest other) => Assert.Throws<TrainException>(() => TrainHead.Run(store, other, folder["head"])).Message;

        var again = TrainHead.Run(store, request, folder["head"]);
        var kind = Refused(new(Attention, HeadRecipes.Get("default", attention: true) with { Epochs = 1, LearningRates = [1e-3] }));
        var pool = Refused(request with { Head = new LinearConfig { Pool = 4 } });
        var fewer = Refused(request with { Subset = new TrainSubset.PerClass(2) });

        Assert.Equal((false, true), (result.AlreadyThere, again.AlreadyThere));
        Assert.Equal((result.Test.Top1Hits, result.TrainSha256), (again.Test.Top1Hits, again.TrainSha256));
        Assert.Contains("result.json is a finished result of another training: head.kind: \"linear\" there, \"attention\" asked for; ", kind);
        Assert.EndsWith("Choose another --out, or delete it.", kind);
        Assert.Contains("head.pool: 1 there, 4 asked for", pool);
        Assert.Contains("trainedOn: \"all training pictures\" there, \"2 training pictures of each class, all of a class that has fewer\" asked for", fewer);
        Assert.Equal(before, TemporaryFolder.Contents(folder["head"]));

        File.Delete(folder["head/head.safetensors"]);                                      // a result without its head is made again
        Assert.False(TrainHead.Run(store, request, folder["head"]).AlreadyThere);
        Assert.Equal(before, TemporaryFolder.Contents(folder["head"]));
    }

    [Fact]
    public void Of_several_passes_those_that_are_not_there_are_trained()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        var recipe = HeadRecipes.Get("default", attention: false) with { Epochs = 2, LearningRates = [1e-2], WeightDecays = [0] };
        PlannedHead small = new("small", new(new LinearConfig { Pool = 1 }, recipe)), large = new("large", new(new LinearConfig { Pool = 4 }, Quick));
        TrainHeads.Run(new StoreSource(store), [small, large], folder["both"]);
        TrainHeads.Run(new StoreSource(store), [large], folder["one-by-one"]);

        var results = TrainHeads.Run(new StoreSource(store), [small, large], folder["one-by-one"]);

        Assert.Equal([false, true], results.Select(result => result.AlreadyThere));
        Assert.Equal(File.ReadAllBytes(folder["both/small/head.safetensors"]), File.ReadAllBytes(folder["one-by-one/small/head.safetensors"]));
    }

    [Fact]
    public void Live_pictures_that_have_changed_since_are_not_the_same_training()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var set = TinyNet.Pictures(40, 20);
        HeadResult Train(int changed)
        {
            var items = ExtractItems.Of(new Diffract.Data.PictureSet(set.Name, set.ClassNames, set.Items, [], i => set.ReadBytes(i == changed ? i + 1 : i)));
            using var source = new LiveSource(tiny.Backbone, items, TinyNet.Request, new());
            return TrainHead.Run(source, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("default", attention: false) with { Epochs = 1, LearningRates = [1e-2], WeightDecays = [0] }), folder["head"]);
        }

        Assert.False(Train(changed: -1).AlreadyThere);
        Assert.True(Train(changed: -1).AlreadyThere);
        Assert.Contains("pictures have changed since", Assert.Throws<TrainException>(() => Train(changed: 5)).Message);
    }

    [Fact]
    public void What_cannot_be_told_is_refused_and_nothing_is_lost()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var set = TinyNet.Pictures(40, 20);
        HeadResult Train()
        {
            var items = ExtractItems.Of(new Diffract.Data.PictureSet(set.Name, set.ClassNames, set.Items, [], i => i == 5 ? [1, 2, 3] : set.ReadBytes(i)));
            using var source = new LiveSource(tiny.Backbone, items, TinyNet.Request, new());
            return TrainHead.Run(source, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("default", attention: false) with { Epochs = 1, LearningRates = [1e-2], WeightDecays = [0] }), folder["live"]);
        }
        Assert.Single(Train().Unreadable);
        using var store = Store(folder, tiny);
        var request = new TrainHeadRequest(new LinearConfig { Pool = 1 }, Quick);
        TrainHead.Run(store, request, folder["old"]);
        var result = folder["old/result.json"];
        File.WriteAllLines(result, File.ReadAllLines(result).Where(line => !line.Contains("trainSha256", StringComparison.Ordinal)));
        var (live, old) = (TemporaryFolder.Contents(folder["live"]), TemporaryFolder.Contents(folder["old"]));

        Assert.Contains("without 1 of the pictures, which could not be read: whether it is", Assert.Throws<TrainException>(Train).Message);
        Assert.Contains("did not keep which pictures it saw: whether it is", Assert.Throws<TrainException>(() => TrainHead.Run(store, request, folder["old"])).Message);

        Assert.Equal(live, TemporaryFolder.Contents(folder["live"]));
        Assert.Equal(old, TemporaryFolder.Contents(folder["old"]));
    }

    [Fact]
    public void A_run_that_was_stopped_is_not_lost_to_a_fit()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var store = Store(folder, tiny);
        using var stop = new CancellationTokenSource();
        var request = new TrainHeadRequest(Attention, HeadRecipes.Get("default", attention: true) with { Epochs = 4, LearningRates = [1e-3] });
        Assert.Throws<OperationCanceledException>(() => TrainHead.Run(store, request, folder["head"], p => { if (p.Done > 0) { stop.Cancel(); } }, stop.Token));

        var error = Assert.Throws<TrainException>(() => TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, Quick), folder["head"]));

        Assert.Contains("is of another run, which was stopped", error.Message);
        Assert.True(File.Exists(folder["head/run/state.safetensors"]));
    }
}
