using Diffract.Data;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class ExtractItemsTests
{
    static PictureSet Set(params (string Path, int Class, PictureSplit Split)[] items) =>
        new("set", ["cat", "dog"], [.. items.Select(item => new PictureItem(item.Path, item.Class, item.Split))], [], _ => []);

    [Fact]
    public void A_limit_is_told_with_the_pictures_that_remain()
    {
        var items = ExtractItems.Of(TinyNet.Pictures(60, 30), limit: 20);

        Assert.Equal((20, 20), (items.Of(PictureSplit.Train).Count(), items.Of(PictureSplit.Test).Count()));
        Assert.EndsWith("20 for training and 20 for testing.", items.Decision);
    }

    [Fact]
    public void What_is_odd_about_the_splits_is_a_warning_of_the_set()
    {
        var items = ExtractItems.Of(Set(("train/cat/0.png", 0, PictureSplit.Train), ("train/dog/0.png", 1, PictureSplit.Train), ("test/cat/0.png", 0, PictureSplit.Test), ("test/1.png", -1, PictureSplit.Test)));

        Assert.Contains(items.Set.Warnings, warning => warning.Contains("'dog' has no test pictures"));
        Assert.Contains(items.Set.Warnings, warning => warning.Contains("1 pictures without label are left out"));
    }
}
