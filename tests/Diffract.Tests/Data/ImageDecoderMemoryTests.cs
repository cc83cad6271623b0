using Diffract.Data;

namespace Diffract.Tests.Data;

[Collection("Alone")]                                                                  // counts handles of the whole process
public class ImageDecoderMemoryTests
{
    [Fact]
    public void Decode_leaves_no_tensor_behind()
    {
        byte[] file = GoldenPictures.ReadFile("pictures", "rgb16.png");
        ImageDecoder.Decode(file, "once");
        var thread = new Thread(() => ImageDecoder.Decode(file, "on another thread"));
        long before = Diffract.Torch.Torch.LiveTensors;
        thread.Start();
        thread.Join();
        ImageDecoder.Decode(file, "again");
        Assert.Throws<PictureException>(() => ImageDecoder.Decode(GoldenPictures.ReadFile("pictures", "rgb.jpg")[..600], "broken"));
        Assert.Equal(before, Diffract.Torch.Torch.LiveTensors);
    }
}

[CollectionDefinition("Alone", DisableParallelization = true)]
public class Alone;
