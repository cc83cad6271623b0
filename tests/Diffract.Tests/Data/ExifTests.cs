using Diffract.Data;

namespace Diffract.Tests.Data;

public class ExifTests
{
    // (column, row) in the stored picture of width w and height h for (x, y) of the upright one, from the meaning of the tag:
    // the sides of the upright picture at which the stored row 0 and column 0 lie.
    static readonly Func<int, int, int, int, (int X, int Y)>[] Stored =
    [
        (x, y, w, h) => (x, y),                     // 1 top, left
        (x, y, w, h) => (w - 1 - x, y),             // 2 top, right
        (x, y, w, h) => (w - 1 - x, h - 1 - y),     // 3 bottom, right
        (x, y, w, h) => (x, h - 1 - y),             // 4 bottom, left
        (x, y, w, h) => (y, x),                     // 5 left, top
        (x, y, w, h) => (y, h - 1 - x),             // 6 right, top
        (x, y, w, h) => (w - 1 - y, h - 1 - x),     // 7 right, bottom
        (x, y, w, h) => (w - 1 - y, x),             // 8 left, bottom
    ];

    public static TheoryData<int, bool, string> Orientations
    {
        get
        {
            var data = new TheoryData<int, bool, string>();
            for (int orientation = 1; orientation <= 8; orientation++)
            {
                data.Add(orientation, true, "jpeg");
                data.Add(orientation, false, "jpeg");
                data.Add(orientation, false, "png");
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Orientations))]
    public void Orientation_is_applied_or_ignored_as_asked(int orientation, bool little, string format)
    {
        byte[] tiff = PictureBytes.Tiff(orientation, little);
        byte[] plain = format == "jpeg" ? GoldenPictures.ReadFile("preprocess", "d_500x333.jpg") : GoldenPictures.ReadFile("pictures", "rgb.png");
        byte[] file = format == "jpeg" ? PictureBytes.WithOrientation(plain, tiff) : PictureBytes.WithChunk(plain, "eXIf", tiff);
        var stored = ImageDecoder.Decode(plain, "stored");
        var upright = ImageDecoder.Decode(file, "upright");

        Assert.Equal(stored.Rgb, ImageDecoder.Decode(file, "ignored", ExifPolicy.Ignore).Rgb);
        Assert.Equal(orientation < 5 ? (stored.Width, stored.Height) : (stored.Height, stored.Width), (upright.Width, upright.Height));
        for (int y = 0; y < upright.Height; y++)
        {
            for (int x = 0; x < upright.Width; x++)
            {
                var (column, row) = Stored[orientation - 1](x, y, stored.Width, stored.Height);
                int expected = 3 * (row * stored.Width + column), actual = 3 * (y * upright.Width + x);
                if (!stored.Rgb.AsSpan(expected, 3).SequenceEqual(upright.Rgb.AsSpan(actual, 3))) { Assert.Fail($"pixel ({x}, {y}) is not the stored ({column}, {row})"); }
            }
        }
    }

    [Fact]
    public void Damaged_exif_is_as_none()
    {
        byte[] plain = GoldenPictures.ReadFile("pictures", "rgb.jpg");
        byte[] expected = ImageDecoder.Decode(plain, "plain").Rgb;
        byte[] good = PictureBytes.Tiff(6, little: true);
        var damages = new List<byte[]> { Array.Empty<byte>(), PictureBytes.Tiff(0, true), PictureBytes.Tiff(9, false), Changed(4, 0xFF, 0xFF, 0xFF, 0xFF), Changed(4, 37, 0), Changed(24, 4) };
        for (int length = 0; length < 34; length++) { damages.Add(good[..length]); }

        Assert.All(damages, tiff => Assert.Equal(expected, ImageDecoder.Decode(PictureBytes.WithOrientation(plain, tiff), "damaged").Rgb));

        byte[] Changed(int at, params byte[] bytes)
        {
            byte[] tiff = [.. good];
            bytes.CopyTo(tiff, at);
            return tiff;
        }
    }
}
