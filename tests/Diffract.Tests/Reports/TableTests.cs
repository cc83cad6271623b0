using Diffract.Reports;

namespace Diffract.Tests.Reports;

public sealed class TableTests
{
    static Table Example => new Table(new("method"), new("top-1", Align.Right)).Add("pixels", "31.2").Add("日本", "7.0").Add("short");

    [Fact]
    public void Text_is_aligned_by_columns_of_the_terminal() => Assert.Equal(
        """
        method  top-1
        ──────  ─────
        pixels   31.2
        日本      7.0
        short
        """.ReplaceLineEndings("\n"), Example.Text());

    [Fact]
    public void Markdown_is_aligned_too() => Assert.Equal(
        """
        | method | top-1 |
        | ------ | ----: |
        | pixels |  31.2 |
        | 日本   |   7.0 |
        | short  |       |
        """.ReplaceLineEndings("\n"), Example.Markdown());

    [Fact]
    public void Cells_cannot_break_out()
    {
        var table = new Table(new Column("a")).Add("x | y\nz <b> & `c` [l](u) *\\ \u001b[31m");
        Assert.Equal(3, table.Text().Split('\n').Length);
        Assert.DoesNotContain('\u001b', table.Text());
        Assert.EndsWith("| x \\| y z &lt;b> &amp; \\`c\\` \\[l\\](u) \\*\\\\ \ufffd\\[31m |", table.Markdown());
        Assert.Throws<ArgumentException>(() => table.Add("1", "2"));
    }

    [Fact]
    public void Numbers_are_written_for_people()
    {
        Assert.Equal("12,345,678", Numbers.Count(12_345_678));
        Assert.Equal("87.1\u00a0% (84.9–89.0)", Numbers.Percent(0.871, Diffract.Metrics.Interval.Wilson(871, 1000)));
        Assert.Equal(["0", "0.03123", "1,235", "1.235e-5", "1.235e9", "–"], new[] { 0, 0.031234, 1234.6, 1.2346e-5, 1.2346e9, double.NaN }.Select(v => Numbers.Significant(v)));
        Assert.Equal(["1.50", "–", "1,234.50"], new[] { 1.5, double.PositiveInfinity, 1234.5 }.Select(v => Numbers.Fixed(v, 2)));
    }
}
