using System.Text.Json;
using Diffract.Data;

namespace Diffract.Tests.Data;

public class PreprocessTests
{
    static readonly GoldenPictures Golden = new("preprocess", "outputs.safetensors");
    static readonly JsonElement Description = JsonDocument.Parse(GoldenPictures.ReadFile("preprocess", "preprocess.json")).RootElement;

    public static TheoryData<string, int> Centres => new()
    {
        { "a_500x375.png", 256 }, { "a_500x375.png", 64 }, { "b_333x640.png", 256 }, { "b_333x640.png", 64 },
        { "c_64x48.png", 256 }, { "c_64x48.png", 64 }, { "d_500x333.jpg", 256 }, { "d_500x333.jpg", 64 },
    };

    [Theory, MemberData(nameof(Centres))]
    public void CenterCrop_gives_the_original_codes_pixels(string file, int size)
    {
        var crop = Preprocess.CenterCrop(Decoded(file), size, size);
        Assert.Equal(Golden[$"{Key(file)}/center{size}"], crop.Rgb);
    }

    [Theory, MemberData(nameof(Centres))]
    public void CoverPlan_takes_the_original_codes_steps(string file, int size)
    {
        var image = Description.GetProperty("images").GetProperty(file);
        var step = image.GetProperty("steps").EnumerateArray().Single(step => step.GetProperty("size").GetInt32() == size);
        var plan = CoverPlan.For(image.GetProperty("width").GetInt32(), image.GetProperty("height").GetInt32(), size, size);
        Assert.Equal(step.GetProperty("box_halvings_to").EnumerateArray().Select(Pair), plan.Halvings);
        Assert.Equal(Pair(step.GetProperty("bicubic_to")), (plan.Width, plan.Height));
        Assert.Equal(Pair(step.GetProperty("crop_xy")), ((plan.Width - size) / 2, (plan.Height - size) / 2));
    }

    [Theory, InlineData(0), InlineData(1), InlineData(2), InlineData(3)]
    public void RandomCrop_gives_the_original_codes_pixels(int index)
    {
        var crop = Description.GetProperty("random_crops")[index];
        string file = crop.GetProperty("image").GetString()!;
        int size = Number("size"), smaller = Number("smaller_dim_size"), y = Number("crop_y"), x = Number("crop_x");
        var calls = crop.GetProperty("randrange_calls_in_order");
        string golden = $"random_crop/{index}";

        Assert.Equal(Golden[golden], Preprocess.RandomCrop(Decoded(file), size, size, smaller, y, x).Rgb);
        Assert.Equal(Pair(calls[0]), (Preprocess.SmallerSides(size, size).Least, Preprocess.SmallerSides(size, size).Most + 1));

        // The same crop from draws in [0, 1): the middle of the interval that stands for each number.
        var (least, most) = Preprocess.SmallerSides(size, size);
        var draws = new CropDraws((smaller - least + 0.5) / (most - least + 1), (y + 0.5) / calls[1][0].GetInt32(), (x + 0.5) / calls[2][0].GetInt32());
        Assert.Equal(Golden[golden], Preprocess.RandomCrop(Decoded(file), size, size, draws).Rgb);

        int Number(string name) => crop.GetProperty(name).GetInt32();
    }

    [Theory, InlineData(0.0), InlineData(0.5), InlineData(0.9999999999999999)]
    public void RandomCrop_stays_inside_for_every_draw(double draw)
    {
        foreach (var (width, height) in new[] { (1, 1), (1, 90), (90, 1), (64, 64), (200, 131) })
        {
            var crop = Preprocess.RandomCrop(ResampleTests.Noise(width, height), 32, 48, new CropDraws(draw, draw, draw));
            Assert.Equal((48, 32), (crop.Width, crop.Height));
        }
    }

    [Fact]
    public void RandomCrop_outside_the_picture_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => Preprocess.RandomCrop(ResampleTests.Noise(40, 40), 16, 16, smallerSide: 18, cropY: 3, cropX: 0));

    [Theory]
    [InlineData("a_500x375.png"), InlineData("b_333x640.png"), InlineData("c_64x48.png"), InlineData("d_500x333.jpg")]
    public void Normalise_gives_the_original_codes_values(string file)
    {
        var crop = Preprocess.CenterCrop(Decoded(file), 64, 64);
        Assert.Equal(Golden.Floats($"{Key(file)}/normalised64"), Normalised(crop));
        Assert.Equal(Golden.Floats($"{Key(file)}/normalised64_flipped"), Normalised(Preprocess.FlipHorizontal(crop)));
    }

    [Theory]
    [InlineData(100, 80, 32, 48), InlineData(80, 100, 32, 48), InlineData(97, 65, 32, 48), InlineData(10, 300, 32, 48)]
    public void CoverPlan_for_other_shapes_covers_with_one_side_touching(int width, int height, int targetHeight, int targetWidth)
    {
        var plan = CoverPlan.For(width, height, targetWidth, targetHeight);
        Assert.True(plan.Width >= targetWidth && plan.Height >= targetHeight && (plan.Width == targetWidth || plan.Height == targetHeight));
        Assert.InRange((double)plan.Width / plan.Height / ((double)width / height), 0.95, 1.05);
    }

    [Fact]
    public void FlipHorizontal_mirrors_and_undoes_itself()
    {
        var picture = new Picture(3, 2, [.. Enumerable.Range(0, 18).Select(i => (byte)i)]);
        var flipped = Preprocess.FlipHorizontal(picture);
        Assert.Equal(new byte[] { 6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11 }, flipped.Rgb);
        Assert.Equal(picture.Rgb, Preprocess.FlipHorizontal(flipped).Rgb);
    }

    // PNG is lossless: the file itself. JPEG starts from the fixture's pixels, since decoders differ.
    static Picture Decoded(string file)
    {
        if (file.EndsWith(".png")) { return ImageDecoder.Decode(GoldenPictures.ReadFile("preprocess", file), file); }
        var (width, height) = Golden.Size(Key(file) + "/decoded");
        return new Picture(width, height, Golden[Key(file) + "/decoded"]);
    }

    static string Key(string file) => file.Replace('.', '_');

    static float[] Normalised(Picture picture)
    {
        var values = new float[picture.Rgb.Length];
        Preprocess.Normalise(picture.Rgb, values);
        return values;
    }

    static (int, int) Pair(JsonElement element) => (element[0].GetInt32(), element[1].GetInt32());
}
