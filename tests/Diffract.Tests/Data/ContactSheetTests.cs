using Diffract.Data;

namespace Diffract.Tests.Data;

public sealed class ContactSheetTests
{
    static readonly byte[] Red = [200, 0, 0, 201, 0, 0];       // 2 x 1 pixels
    static readonly byte[] Blue = [0, 0, 200, 0, 0, 201];

    [Fact]
    public void Pictures_stand_in_rows_with_gaps_each_pixel_a_square()
    {
        var (width, height, rgb) = new ContactSheet { Zoom = 2, Gap = 1, Paper = (9, 9, 9) }.Compose([new("", [Red, Blue]), new("", [Blue])], 2, 1);
        Assert.Equal((1 + 2 * 5, 1 + 2 * 3), (width, height));
        string[] expected =
        [
            "...........",
            ".rrRR.bbBB.",
            ".rrRR.bbBB.",
            "...........",
            ".bbBB......",
            ".bbBB......",
            "...........",
        ];
        var drawn = Enumerable.Range(0, height).Select(y => string.Concat(Enumerable.Range(0, width).Select(x => Letter(rgb.AsSpan((y * width + x) * 3, 3)))));
        Assert.Equal(expected, drawn);
    }

    static char Letter(ReadOnlySpan<byte> c) => (c[0], c[2]) switch { (9, 9) => '.', (200, 0) => 'r', (201, 0) => 'R', (0, 200) => 'b', (0, 201) => 'B', _ => '?' };

    [Fact]
    public void Labels_are_written_left_of_their_rows()
    {
        var picture = new byte[9 * 9 * 3];
        var (width, _, rgb) = new ContactSheet { Gap = 2, LetterZoom = 1, Paper = (255, 255, 255), Ink = (1, 2, 3) }.Compose([new("Lt", [picture])], 9, 9);
        string[] expected = ["#.....#####", "#.......#..", "#.......#..", "#.......#..", "#.......#..", "#.......#..", "#####...#.."];
        var drawn = Enumerable.Range(3, 7).Select(y => string.Concat(Enumerable.Range(3, 11).Select(x => rgb[(y * width + x) * 3] == 1 ? '#' : '.')));
        Assert.Equal(expected, drawn);
        Assert.Equal(3 + 11 + 3 + 9 + 2, width);
    }

    [Fact]
    public void Letters_that_the_font_lacks_and_small_rows_do_no_harm()
    {
        var (_, height, rgb) = new ContactSheet { Gap = 0, LetterZoom = 3 }.Compose([new("~é", [Red])], 2, 1);
        Assert.Equal(1, height);
        Assert.Equal((40, 44, 52), (rgb[9 * 3], rgb[9 * 3 + 1], rgb[9 * 3 + 2]));
    }

    [Fact]
    public void No_rows_make_an_empty_sheet()
    {
        var (width, height, rgb) = new ContactSheet { Gap = 3 }.Compose([], 4, 4);
        Assert.Equal((3, 3, 27), (width, height, rgb.Length));
    }

    [Fact]
    public void Picture_of_another_size_is_named()
    {
        var error = Assert.Throws<ArgumentException>(() => new ContactSheet().Compose([new("", [Red]), new("", [Blue, new byte[5]])], 2, 1));
        Assert.Contains("picture 1 of row 1 has 5 bytes, 2x1 pixels need 6", error.Message);
    }

    [Fact]
    public void Sheet_beyond_memory_is_refused()
    {
        var row = new ContactSheet.Row("", [.. Enumerable.Repeat(new byte[100 * 100 * 3], 1000)]);
        var error = Assert.Throws<ArgumentException>(() => new ContactSheet { Zoom = 64 }.Compose([row], 100, 100));
        Assert.Contains("too large", error.Message);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(65, 2)]
    [InlineData(1, -1)]
    public void Settings_out_of_range_are_refused(int zoom, int gap) =>
        Assert.Throws<ArgumentException>(() => new ContactSheet { Zoom = zoom, Gap = gap }.Compose([new("", [Red])], 2, 1));
}
