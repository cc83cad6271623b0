using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Tests.Data;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

/// <summary>A trained head on pictures without training pictures beside them, and on pictures that it has seen.</summary>
public class EvaluatePicturesTests
{
    static TrainedHead Train(TemporaryFolder folder, TinyNet tiny, PictureSet? set = null)
    {
        Extract.Run(tiny.Backbone, ExtractItems.Of(set ?? TinyNet.Pictures(60, 40)), TinyNet.Request, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.01] }), folder["head"]);
        return TrainedHead.Open(folder["head/head.safetensors"]);
    }

    static void Write(TemporaryFolder folder, string root, IEnumerable<int> pictures)
    {
        var set = TinyNet.Pictures(60, 40);
        foreach (var i in pictures)
        {
            var path = folder[$"{root}/{set.ClassNames[set.Items[i].Class]}/{i}.png"];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, PictureEncoder.Png(ImageDecoder.Decode(set.ReadBytes(i), path)));
        }
    }

    [Fact]
    public void A_folder_of_test_pictures_alone_is_tested_whole_as_a_store_of_it_is()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var head = Train(folder, tiny);
        var few = TinyNet.Pictures(60, 40).Items.Index().Where(item => item.Index >= 60 && item.Item.Class % 3 == 1).Select(item => item.Index).ToList(); // not all classes
        Write(folder, "plain", few);
        Write(folder, "parted/test", few);

        var plain = ExtractItems.OfTest(PictureSet.Open(folder["plain"]));
        var live = EvaluateHead.Test(head, tiny.Backbone, plain);
        var parted = EvaluateHead.Test(head, tiny.Backbone, ExtractItems.OfTest(PictureSet.Open(folder["parted"])));
        Extract.Run(tiny.Backbone, plain, TinyNet.Request, folder["test-store"]);
        using var store = FeatureStore.Open(folder["test-store"]);
        var stored = EvaluateHead.Test(head, store);

        Assert.Equal($"Tested on all {few.Count} pictures of plain.", plain.Decision);
        Assert.Equal((few.Count, few.Count, few.Count), (live.Score.Pictures, parted.Score.Pictures, stored.Score.Pictures));
        Assert.Equal(stored.Score.Classes, live.Score.Classes);
        Assert.Equal(stored.Score.Classes, parted.Score.Classes);
        Assert.Equal(BuiltInPictures.ClassNames, live.Score.Classes.Select(line => line.Name));
        Assert.Equal(stored.TestSha256, live.TestSha256);
    }

    [Fact]
    public void A_picture_that_cannot_be_read_is_left_out_or_with_strict_an_error()
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var head = Train(folder, tiny);
        var set = TinyNet.Pictures(60, 40);
        var items = ExtractItems.Of(new PictureSet(set.Name, set.ClassNames, set.Items, [], i => i == 70 ? [1, 2, 3] : set.ReadBytes(i)));

        var test = EvaluateHead.Test(head, tiny.Backbone, items);
        var error = Assert.Throws<PictureException>(() => EvaluateHead.Test(head, tiny.Backbone, items, options: new() { Strict = true }));

        Assert.Equal((39, set.Items[70].Path), (test.Score.Pictures, Assert.Single(test.Unreadable).Path));
        Assert.Contains(set.Items[70].Path, error.Message);
    }

    [Fact]
    public void A_class_that_the_head_does_not_know_and_pictures_without_labels_are_one_error()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        using var head = Train(folder, tiny);
        Write(folder, "data", [60, 61]);
        Directory.Move(Directory.GetDirectories(folder["data"])[0], folder["data/Unicorn"]);
        using var loose = new PictureTree("1.jpg", "2.jpg");
        using var training = new PictureTree("train/cat/1.jpg", "train/dog/1.jpg");

        var strange = Assert.Throws<PictureException>(() => EvaluateHead.Test(head, tiny.Backbone, ExtractItems.OfTest(PictureSet.Open(folder["data"]))));

        Assert.StartsWith("data has a class that the head does not know: 'Unicorn'. It knows 10: ", strange.Message);
        Assert.Contains("none of its 2 pictures to test on has a label", Assert.Throws<PictureException>(() => ExtractItems.OfTest(PictureSet.Open(loose.Root))).Message);
        Assert.Contains("holds training pictures alone", Assert.Throws<PictureException>(() => ExtractItems.OfTest(PictureSet.Open(training.Root))).Message);
    }

    // Test pictures 60 .. 64 have the bytes of training pictures.
    [Fact]
    public void Test_pictures_that_were_trained_on_are_counted()
    {
        using var folder = new TemporaryFolder();
        using var tiny = new TinyNet();
        var whole = TinyNet.Pictures(60, 40);
        var set = new PictureSet(whole.Name, whole.ClassNames, [.. whole.Items], [], i => whole.ReadBytes(i is >= 60 and < 65 ? i - 60 : i));
        using var head = Train(folder, tiny, set);
        using var store = FeatureStore.Open(folder["store"]);
        using var source = new LiveSource(tiny.Backbone, ExtractItems.Of(set), TinyNet.Request, new());

        var live = TrainHead.Run(source, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("default", attention: false) with { Epochs = 1, LearningRates = [1e-2], WeightDecays = [0] }), folder["live"]);
        var test = EvaluateHead.Test(head, store);
        var unseen = EvaluateHead.Test(head, tiny.Backbone, ExtractItems.OfTest(whole));
        var own = EvaluateHead.Test(head, tiny.Backbone, ExtractItems.OfTest(new PictureSet("own", whole.ClassNames, [.. whole.Items.Take(60).Select(item => item with { Split = PictureSplit.None })], [], whole.ReadBytes)));

        Assert.Equal(5, live.TestInTraining!.Pictures);
        Assert.Equal((5, 0, 60), (test.TestInTraining!.Pictures, unseen.TestInTraining!.Pictures, own.TestInTraining!.Pictures));
        Assert.InRange(test.TestInTraining.Hits, 0, 5);
        var (rest, right) = (35, test.Score.Top1Hits - test.TestInTraining.Hits);
        Assert.Equal(FormattableString.Invariant($"5 of the 40 test pictures are training pictures, too, byte for byte; without them top-1 is {100.0 * right / rest:f2} % ({right} of {rest})"), test.TestInTraining.Note(test.Score));
        Assert.Null(unseen.TestInTraining.Note(unseen.Score));
        Assert.EndsWith("none is left without them", own.TestInTraining.Note(own.Score));

        File.Delete(folder["head/trained-on.safetensors"]);                                // the head alone cannot know
        using var alone = TrainedHead.Open(folder["head/head.safetensors"]);
        Assert.Null(EvaluateHead.Test(alone, store).TestInTraining);
    }
}
