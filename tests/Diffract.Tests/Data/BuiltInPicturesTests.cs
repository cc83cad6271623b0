using System.Security.Cryptography;
using Diffract.Data;

namespace Diffract.Tests.Data;

public sealed class BuiltInPicturesTests
{
    static readonly BuiltInPictures Pictures = new(seed: 1);

    // a changed hash means that every picture, and with them the built-in model and its figures, changed: never re-pin in passing
    [Theory]
    [InlineData(1UL, 0L, 32, "53bde696d9b4bcba8126f1ccb4cc28c1b153572b987c864af3bf3e2ddf9f0589")]
    [InlineData(7UL, 123_456_789_000L, 32, "0796fe75b4f37ec64c1ed44cf162e952b2fb28054ab56ba9ccc86337c25689db")]
    [InlineData(1UL, 500L, 100, "cd39565c7089e4c5e1497d7f903417ba6f0cf4460bfc9e894706b0e5ac0c6dbf")]
    public void Render_gives_these_bytes_on_every_machine(ulong seed, long first, int size, string sha256)
    {
        var pictures = new BuiltInPictures(seed);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < 40; i++)
        {
            var scene = pictures.Render(first + i, size);
            hash.AppendData(scene.Rgb);
            hash.AppendData(scene.Instances);
        }
        Assert.Equal(sha256, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void RenderRgb_gives_the_pixels_of_Render()
    {
        var rgb = new byte[48 * 48 * 3];
        for (var i = 0; i < 30; i++)
        {
            var label = Pictures.RenderRgb(i, 48, rgb);
            var scene = Pictures.Render(i, 48);
            Assert.Equal(scene.Rgb, rgb);
            Assert.Equal(scene.Class, label);
            Assert.Equal(scene.Class, Pictures.ClassOf(i));
        }
    }

    [Fact]
    public void Render_depends_on_seed_and_index()
    {
        var one = Pictures.Render(0, 32).Rgb;
        Assert.NotEqual(one, Pictures.Render(1, 32).Rgb);
        Assert.NotEqual(one, new BuiltInPictures(2).Render(0, 32).Rgb);
    }

    [Fact]
    public async Task Render_is_the_same_from_several_threads()
    {
        var expected = Enumerable.Range(0, 64).Select(i => Pictures.Render(i, 32).Rgb).ToArray();
        var actual = new byte[64][];
        await Parallel.ForAsync(0, 64, (i, _) => { actual[i] = Pictures.Render(i, 32).Rgb; return ValueTask.CompletedTask; });
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12_340)]
    [InlineData(-30)]
    public void Ten_pictures_in_a_row_hold_each_class_once(long first)
    {
        var labels = Enumerable.Range(0, 10).Select(i => Pictures.ClassOf(first + i)).ToArray();
        Assert.Equal(Enumerable.Range(0, BuiltInPictures.ClassCount), labels.Order());
    }

    [Fact]
    public void Order_of_classes_differs_between_tens()
    {
        var orders = Enumerable.Range(0, 50).Select(block => string.Join(' ', Enumerable.Range(0, 10).Select(i => Pictures.ClassOf(block * 10 + i))));
        Assert.True(orders.Distinct().Count() > 45);
    }

    [Fact]
    public void Every_class_has_a_name() => Assert.Equal(BuiltInPictures.ClassCount, BuiltInPictures.ClassNames.Distinct().Count());

    /// <summary>Averaging 4 x 4 pixels of the larger picture gives the smaller one but for noise, edges and fine patterns.</summary>
    [Fact]
    public void Sizes_show_the_same_scene()
    {
        double same = 0, other = 0;
        for (var i = 0; i < 100; i++)
        {
            var (small, large) = (Pictures.Render(i, 32), Pictures.Render(i, 128));
            Assert.Equal(small.Objects.Select(o => o.Class), large.Objects.Select(o => o.Class));
            var difference = MeanDifference(small.Rgb, large.Rgb, 32, 4);
            Assert.InRange(difference, 0, 14);
            same += difference / 100;
            other += MeanDifference(Pictures.Render(i + 1, 32).Rgb, large.Rgb, 32, 4) / 100;
            var (a, b) = (small.Objects[0].Box, large.Objects[0].Box);
            Assert.InRange(b.X0 / 4.0, a.X0 - 2, a.X0 + 2);
            Assert.InRange(b.Y1 / 4.0, a.Y1 - 2, a.Y1 + 2);
        }
        Assert.InRange(same, 0, 5);                          // of 255; the smaller one's noise alone makes about 3
        Assert.InRange(other, 50, 255);
    }

    static double MeanDifference(byte[] small, byte[] large, int size, int ratio)
    {
        double sum = 0;
        for (var at = 0; at < small.Length; at++)
        {
            var (y, x, c) = (at / 3 / size, at / 3 % size, at % 3);
            var block = 0;
            for (var k = 0; k < ratio * ratio; k++)
            {
                block += large[((y * ratio + k / ratio) * size * ratio + x * ratio + k % ratio) * 3 + c];
            }
            sum += Math.Abs(small[at] - (double)block / (ratio * ratio));
        }
        return sum / small.Length;
    }

    [Theory]
    [InlineData(32)]
    [InlineData(96)]
    public void Boxes_and_objects_agree_with_the_instance_map(int size)
    {
        var several = 0;
        for (var i = 0; i < 200; i++)
        {
            var scene = Pictures.Render(i, size);
            Assert.Equal(scene.Class, scene.Objects[0].Class);
            Assert.All(scene.Instances, id => Assert.InRange(id, 0, scene.Objects.Count));
            for (var k = 0; k < scene.Objects.Count; k++)
            {
                var at = Enumerable.Range(0, size * size).Where(p => scene.Instances[p] == k + 1).ToArray();
                if (at.Length == 0) { Assert.Equal(default, scene.Objects[k].Box); continue; }
                var expected = new PixelBox(at.Min(p => p % size), at.Min(p => p / size), at.Max(p => p % size) + 1, at.Max(p => p / size) + 1);
                Assert.Equal(expected, scene.Objects[k].Box);
            }
            Assert.DoesNotContain(scene.Objects.Skip(1), o => o.Class == scene.Class);
            several += scene.Objects.Count > 1 ? 1 : 0;
        }
        Assert.InRange(several, 60, 140);
    }

    [Fact]
    public void Main_object_can_be_seen_and_is_the_largest()
    {
        var least = 1.0;
        var larger = 0;
        for (var i = 0; i < 1000; i++)
        {
            var scene = Pictures.Render(i, 32);
            var counts = scene.Instances.CountBy(id => id).ToDictionary();
            least = Math.Min(least, counts.GetValueOrDefault((byte)1) / 1024.0);
            larger += counts.Any(pair => pair.Key > 1 && pair.Value > counts[1]) ? 1 : 0;
        }
        Assert.InRange(least, 0.07, 0.5);
        Assert.Equal(0, larger);
    }

    [Fact]
    public void Colour_does_not_tell_the_class()
    {
        var sums = new double[10, 3];
        for (var i = 0; i < 2000; i++)
        {
            var scene = Pictures.Render(i, 8);
            for (var at = 0; at < scene.Rgb.Length; at++) { sums[scene.Class, at % 3] += scene.Rgb[at] / (64.0 * 200); }
        }
        for (var channel = 0; channel < 3; channel++)
        {
            var means = Enumerable.Range(0, 10).Select(label => sums[label, channel]).ToArray();
            Assert.InRange(means.Max() - means.Min(), 0, 20);    // of 255; a class has 200 pictures, whose means have a standard deviation of 41
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(0)]
    [InlineData(-32)]
    [InlineData(5000)]
    public void Size_out_of_range_is_refused(int size)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Pictures.Render(0, size));
        Assert.Contains("8 to 4096", error.Message);
    }

    [Fact]
    public void Buffer_of_the_wrong_length_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => Pictures.RenderRgb(0, 32, new byte[100]));
        Assert.Contains("100 bytes", error.Message);
        Assert.Contains("3072", error.Message);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(33)]
    [InlineData(200)]
    public void Any_size_renders(int size)
    {
        var scene = Pictures.Render(long.MaxValue, size);
        Assert.Equal(size * size * 3, scene.Rgb.Length);
        Assert.True(scene.Rgb.Distinct().Count() > 10);
    }
}
