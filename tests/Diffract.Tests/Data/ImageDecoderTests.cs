using Diffract.Data;

namespace Diffract.Tests.Data;

public class ImageDecoderTests
{
    static readonly GoldenPictures Golden = new("pictures", "pictures.safetensors");

    public static TheoryData<string> Files => [.. Golden.Names];

    [Theory, MemberData(nameof(Files))]
    public void Decode_gives_Pillows_RGB_for_every_kind_of_file(string file)
    {
        var picture = ImageDecoder.Decode(GoldenPictures.ReadFile("pictures", file), file);
        Assert.Equal(Golden.Size(file), (picture.Width, picture.Height));
        AssertWithin(Golden[file], picture.Rgb, JpegTolerance(file));
    }

    [Fact]
    public void Decode_gives_the_fixtures_pixels()
    {
        var golden = new GoldenPictures("preprocess", "outputs.safetensors");
        var picture = ImageDecoder.Decode(GoldenPictures.ReadFile("preprocess", "d_500x333.jpg"), "d_500x333.jpg");
        AssertWithin(golden["d_500x333_jpg/decoded"], picture.Rgb, 3);
    }

    [Fact]
    public void Decode_goes_by_content_whatever_the_name()
    {
        var picture = ImageDecoder.Decode(GoldenPictures.ReadFile("pictures", "rgb.png"), "really.jpg");
        Assert.Equal(Golden["rgb.png"], picture.Rgb);
    }

    [Theory]
    [InlineData("refused.gif", "GIF pictures are not read"), InlineData("refused.bmp", "BMP pictures are not read"), InlineData("animated.webp", "animated WebP is not read")]
    public void Decode_refuses_other_formats_by_name(string file, string reason)
    {
        var error = Assert.Throws<PictureException>(() => ImageDecoder.Decode(GoldenPictures.ReadFile("pictures", file), "cats/" + file));
        Assert.StartsWith($"cats/{file}: ", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void Decode_refuses_an_empty_file_and_text()
    {
        Assert.Contains("empty", Assert.Throws<PictureException>(() => ImageDecoder.Decode([], "a.png")).Message);
        Assert.Contains("begins with 68656C6C", Assert.Throws<PictureException>(() => ImageDecoder.Decode("hello"u8.ToArray(), "a.png")).Message);
    }

    [Fact]
    public void Decode_refuses_declared_sizes_before_taking_memory()
    {
        byte[] jpeg = GoldenPictures.ReadFile("pictures", "rgb.jpg");
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        new byte[] { 0xFF, 0xF0, 0xFF, 0xF0 }.CopyTo(jpeg, frame + 5);                  // 65520 x 65520
        AssertRefused(jpeg, "65520x65520");

        byte[] png = GoldenPictures.ReadFile("pictures", "rgb.png");
        new byte[] { 0, 1, 0, 0, 0, 0, 0, 1 }.CopyTo(png, 16);                          // 65536 x 1
        PictureBytes.FixChecksum(png, 8);
        AssertRefused(png, "65536x1");

        static void AssertRefused(byte[] file, string size)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            var error = Assert.Throws<PictureException>(() => ImageDecoder.Decode(file, "big"));
            Assert.Contains(size, error.Message);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        }
    }

    [Fact]
    public void Decode_refuses_a_jpeg_of_endless_scans()
    {
        byte[] jpeg = GoldenPictures.ReadFile("pictures", "progressive.jpg");
        byte[] scans = [.. Enumerable.Repeat<byte[]>([0xFF, 0xDA], 501).SelectMany(scan => scan)];
        Assert.Contains("scans", Assert.Throws<PictureException>(() => ImageDecoder.Decode([.. jpeg, .. scans], "slow.jpg")).Message);
    }

    [Theory, InlineData("rgb.jpg"), InlineData("progressive.jpg"), InlineData("palette.png"), InlineData("rgba16.png"), InlineData("lossy.webp"), InlineData("alpha.webp")]
    public void Decode_of_every_truncation_names_the_picture(string file)
    {
        byte[] whole = GoldenPictures.ReadFile("pictures", file);
        int step = Math.Max(1, whole.Length / 100);
        for (int length = 0; length < whole.Length - 12; length += step)                // the last twelve may be an end mark that nothing needs
        {
            byte[] part = whole[..length];
            Assert.StartsWith("cut: ", Assert.Throws<PictureException>(() => ImageDecoder.Decode(part, "cut")).Message);
        }
    }

    [Theory, InlineData("rgb.jpg"), InlineData("cmyk.jpg"), InlineData("palette-transparent.png"), InlineData("grey-alpha16.png"), InlineData("lossy.webp"), InlineData("alpha.webp")]
    public void Decode_of_flipped_bits_gives_a_picture_or_an_error(string file)
    {
        byte[] whole = GoldenPictures.ReadFile("pictures", file);
        var random = new Random(7);
        int errors = 0;
        for (int trial = 0; trial < 150; trial++)
        {
            byte[] damaged = [.. whole];
            for (int flips = random.Next(1, 4); flips > 0; flips--) { damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8)); }
            if (trial % 2 == 0 && file.EndsWith("png")) { PictureBytes.FixChecksums(damaged); }   // so that the damage reaches the decoder
            try
            {
                var picture = ImageDecoder.Decode(damaged, "damaged");
                Assert.Equal(3 * picture.Width * picture.Height, picture.Rgb.Length);
            }
            catch (PictureException error)
            {
                Assert.StartsWith("damaged: ", error.Message);
                errors++;
            }
        }
        Assert.InRange(errors, 1, 150);
    }

    [Fact]
    public void Decode_leaves_no_tensor_behind()
    {
        byte[] file = GoldenPictures.ReadFile("pictures", "rgb16.png");
        ImageDecoder.Decode(file, "once");
        var thread = new Thread(() => ImageDecoder.Decode(file, "on another thread"));
        long before = Torch.Torch.LiveTensors;
        thread.Start();
        thread.Join();
        ImageDecoder.Decode(file, "again");
        Assert.Throws<PictureException>(() => ImageDecoder.Decode(GoldenPictures.ReadFile("pictures", "rgb.jpg")[..600], "broken"));
        Assert.Equal(before, Torch.Torch.LiveTensors);
    }

    [Fact]
    public void Png_of_a_picture_decodes_to_it()
    {
        var picture = ResampleTests.Noise(31, 17);
        byte[] file = PictureEncoder.Png(picture);
        var back = ImageDecoder.Decode(file, "round trip");
        Assert.Equal((31, 17), (back.Width, back.Height));
        Assert.Equal(picture.Rgb, back.Rgb);
    }

    // Decoders of JPEG and lossy WebP may round differently from version to version.
    static int JpegTolerance(string file) => file.EndsWith(".jpg") || file == "lossy.webp" ? 3 : 0;

    internal static void AssertWithin(byte[] expected, byte[] actual, int tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max(), 0, tolerance);
    }
}
