using Diffract.Data;
using Diffract.Tests.Data;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class InspectDataTests
{
    [Fact]
    public void Counts_sizes_bad_files_and_duplicates_are_reported()
    {
        using var tree = new PictureTree();
        tree.Write("train/cat/1.png", Png(10, 20));
        tree.Write("train/cat/2.png", Png(30, 20));
        tree.Write("train/cat/2 again.png", Png(30, 20));
        tree.Write("train/dog/3.png", Png(7, 9));
        tree.Write("train/dog/broken.png", Png(9, 9)[..20]);
        tree.Write("train/dog/note.jpg", "not a picture"u8.ToArray());
        tree.Write("train/emu/4.png", Png(40, 40));
        tree.Write("train/emu/5.png", Png(5, 6));
        tree.Write("test/cat/1.png", Png(10, 20));                                       // leaks
        tree.Write("test/dog/4.png", Png(40, 40));                                       // leaks and contradicts
        tree.Write("test/dog/turned.jpg", PictureBytes.WithOrientation(PictureTree.Jpeg, PictureBytes.Tiff(6, little: true)));

        var reports = new List<Progress>();
        var report = InspectData.Run(PictureSet.Open(tree.Root), new() { Workers = 3 }, reports.Add);
        Assert.Equal(("folders", 11), (report.Layout, report.Pictures));
        Assert.Equal([new(PictureSplit.Train, 8, 0, 3, new("emu", 2), new("cat", 3)), new(PictureSplit.Test, 3, 0, 2, new("cat", 1), new("dog", 2))], report.Splits);
        Assert.Equal([new("emu", PictureSplit.Train)], report.InOneSplit);

        var content = report.Content!;
        Assert.Equal(new(5, 6), content.Smallest);
        Assert.Equal(new Dictionary<PictureFormat, int> { [PictureFormat.Jpeg] = 1, [PictureFormat.Png] = 8 }, content.Formats);
        Assert.Equal(2, content.BadCount);
        Assert.Equal(["train/dog/broken.png", "train/dog/note.jpg"], content.Bad.Select(bad => bad.Path));
        Assert.Equal((1, 2, 1), (content.Duplicates.Contradicting, content.Duplicates.AcrossSplits, content.Duplicates.WithinSplits));
        Assert.Equal([["test/dog/4.png", "train/emu/4.png"], ["test/cat/1.png", "train/cat/1.png"], ["train/cat/2 again.png", "train/cat/2.png"]], content.Duplicates.Examples.Select(same => same.Paths));
        Assert.All(content.Duplicates.Examples, same => Assert.Equal(2, same.Count));
        Assert.Equal(Enumerable.Range(1, 11).Select(done => (long)done), reports.Select(progress => progress.Done));
        var turned = PictureHeader.Read(PictureTree.Jpeg, "upright");
        Assert.NotEqual(turned.Width, turned.Height);
        Assert.Equal(new(turned.Height, turned.Width), InspectData.Run(PictureSet.Open(Path.Combine(tree.Root, "test")).OfClasses(["dog"]), new()).Content!.Smallest);
    }

    [Fact]
    public void Damage_behind_the_header_shows_when_pictures_are_decoded()
    {
        using var tree = new PictureTree("a/1.jpg");
        byte[] png = Png(50, 50);
        tree.Write("a/2.png", png[..^30]);
        var set = PictureSet.Open(tree.Root);
        Assert.Equal("a/2.png", Assert.Single(InspectData.Run(set, new() { Decode = true }).Content!.Bad).Path);
    }

    [Fact]
    public void Quick_reads_no_picture()
    {
        var set = new PictureSet("s", ["a", "b"], [new("1", 0, PictureSplit.None), new("2", 1, PictureSplit.None), new("3", -1, PictureSplit.None)], ["w"], _ => throw new InvalidOperationException());
        var report = InspectData.Run(set, new() { Quick = true });
        Assert.Null(report.Content);
        Assert.Equal([new(PictureSplit.None, 3, 1, 2, new("a", 1), new("a", 1))], report.Splits);
        Assert.Equal(["w"], report.Warnings);
        Assert.Empty(report.InOneSplit);
    }

    [Fact]
    public void It_stops_when_asked()
    {
        using var source = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => InspectData.Run(PictureSet.Open("builtin:train=100000"), new() { Workers = 2 }, progress => { if (progress.Done == 20) { source.Cancel(); } }, source.Token));
    }

    static byte[] Png(int width, int height)
    {
        var picture = new Picture(width, height);
        new Random(width).NextBytes(picture.Rgb);
        return PictureEncoder.Png(picture);
    }
}
