using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Diffract.Metrics;
using Diffract.Reports;

namespace Diffract.Tests.Reports;

public sealed class ChartTests
{
    const string Hostile = "<script>alert(\"1\")</script> & 'x' \0\u001b[31m \ud800 \uffff ]]> --> 日本語 😀";

    static readonly XNamespace Ns = "http://www.w3.org/2000/svg";

    static XElement Parsed(Svg svg)
    {
        using var reader = XmlReader.Create(new StringReader(svg.Text), new() { DtdProcessing = DtdProcessing.Prohibit });
        return XElement.Load(reader);
    }

    static string[] Texts(XElement svg) => [.. svg.Descendants(Ns + "text").Select(text => text.Nodes().OfType<XText>().First().Value)];

    static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    static Svg[] AllNamed(string name) =>
    [
        new LineChart { Title = name, XLabel = name, YLabel = name, Series = [new(name, [(0, 1), (1, 2)]), new("", [])] }.Draw(),
        new BarChart { Title = name, Label = name, Bars = [new(name, 0.5, new(0.4, 0.6)), new(name, double.NaN)], References = [new(name, 0.1)] }.Draw(),
        new HeatMap { Title = name, RowLabel = name, ColumnLabel = name, Rows = [name], Columns = [name, name], Values = new[,] { { 1, double.NaN } } }.Draw(),
        new ConfusionMatrix { Title = name, Classes = [name, name], Counts = new long[,] { { 1, 2 }, { 0, 0 } } }.Draw(),
    ];

    [Fact]
    public void Hostile_names_are_only_text()
    {
        foreach (var svg in AllNamed(Hostile))
        {
            var root = Parsed(svg);
            string[] known = ["svg", "style", "text", "line", "rect", "path", "circle", "title"];
            Assert.All(root.DescendantsAndSelf(), element => Assert.Contains(element.Name.LocalName, known));
            Assert.All(root.DescendantsAndSelf().Attributes(), attribute => Assert.DoesNotMatch("^(on|href|src)", attribute.Name.LocalName));
            Assert.Contains("<script>alert(\"1\")</script> & 'x' \ufffd\ufffd[31m", root.Attribute("aria-label")!.Value);
        }
    }

    [Fact]
    public void Nothing_to_draw_is_no_error()
    {
        Assert.Contains("no data", Texts(Parsed(new LineChart { Series = [] }.Draw())));
        Assert.Contains("no data", Texts(Parsed(new LineChart { Series = [new("a", [(double.NaN, 1), (1, double.PositiveInfinity)])] }.Draw())));
        Assert.Contains("no data", Texts(Parsed(new LineChart { YScale = Scale.Log, Series = [new("a", [(1, 0), (2, -1)])] }.Draw())));
        Parsed(new BarChart { Bars = [] }.Draw());
        Parsed(new HeatMap { Rows = [], Columns = [], Values = new double[0, 0] }.Draw());
        Parsed(new ConfusionMatrix { Counts = new long[0, 0] }.Draw());
    }

    [Theory]
    [InlineData(1e-300, 1e300), InlineData(-1e300, 1e300), InlineData(5, 5), InlineData(-1e150, 1e150), InlineData(1e-150, 1e150), InlineData(1e15, 1e15 + 1), InlineData(0, double.Epsilon), InlineData(double.MinValue, double.MaxValue)]
    public void Extreme_values_give_finite_places_and_few_marks(double low, double high)
    {
        foreach (var scale in (Scale[])[Scale.Linear, Scale.Log])
        {
            var root = Parsed(new LineChart { XScale = scale, YScale = scale, Series = [new("a", [(low, low), (high, high)])] }.Draw());
            Assert.All(root.Descendants().Attributes(), attribute => Assert.DoesNotMatch("NaN|Infinity|∞", attribute.Value));
            Assert.InRange(Texts(root).Length, 1, 60);
        }
    }

    [Theory]
    [InlineData(5.0, null), InlineData(null, -5.0), InlineData(9.0, 1.0), InlineData(2.0, 2.0), InlineData(double.NaN, 0.0)]
    public void Ends_that_miss_the_points_leave_places_finite(double? from, double? to)
    {
        foreach (var scale in (Scale[])[Scale.Linear, Scale.Log])
        {
            var root = Parsed(new LineChart { YScale = scale, YFrom = from, YTo = to, Series = [new("a", [(0, 1), (1, 2)])] }.Draw());
            Assert.All(root.Descendants().Attributes(), attribute => Assert.DoesNotMatch("NaN|Infinity|∞", attribute.Value));
        }
    }

    [Fact]
    public void Line_runs_from_corner_to_corner_and_breaks_at_gaps()
    {
        var root = Parsed(new LineChart { Width = 500, PlotHeight = 200, Series = [new("a", [(0, 0), (1, 10), (2, double.NaN), (3, 0), (4, 10)])] }.Draw());
        var plot = root.Element(Ns + "svg")!;
        var (left, top, width, height) = (Number(plot, "x") + 3, Number(plot, "y") + 3, Number(plot, "width") - 6, Number(plot, "height") - 6);
        var places = plot.Element(Ns + "path")!.Attribute("d")!.Value.Split('M', 'L').Skip(1).Select(p => p.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        double[][] expected = [[left, top + height], [left + width / 4, top], [left + width * 3 / 4, top + height], [left + width, top]];
        Assert.Equal(4, places.Length);
        for (var i = 0; i < 4; i++) { Assert.Equal(expected[i][0], places[i][0], 0.02); Assert.Equal(expected[i][1], places[i][1], 0.02); }
        Assert.Equal(2, plot.Element(Ns + "path")!.Attribute("d")!.Value.Count(c => c == 'M'));
    }

    [Fact]
    public void A_million_points_make_a_small_file_that_keeps_the_outliers()
    {
        var points = Enumerable.Range(0, 1_000_000).Select(i => ((double)i, i == 777_777 ? 50.0 : Math.Sin(i))).ToArray();
        var svg = new LineChart { Series = [new("a", points)] }.Draw();
        Assert.InRange(svg.Text.Length, 1, 60_000);
        var plot = Parsed(svg).Element(Ns + "svg")!;
        var highest = plot.Element(Ns + "path")!.Attribute("d")!.Value.Split('M', 'L').Skip(1).Min(p => double.Parse(p.Split(' ')[1], CultureInfo.InvariantCulture));
        Assert.InRange(highest, Number(plot, "y") + 3, Number(plot, "y") + 3 + 0.2 * Number(plot, "height")); // 50 on an axis to 50 or 60
    }

    [Theory]
    [InlineData(0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"), InlineData(0, 40_000, "0 10k 20k 30k 40k"), InlineData(-3, 5, "−4 −2 0 2 4 6"), InlineData(0.00002, 0.00009, "2e−5 4e−5 6e−5 8e−5 1e−4")]
    public void Linear_marks_are_round(double low, double high, string expected) => Assert.Equal(expected, MarksOfY(low, high, Scale.Linear, plotHeight: 230));

    [Theory]
    [InlineData(0.02, 1.5, "0.02 0.05 0.1 0.2 0.5 1 2"), InlineData(1e-6, 1e-2, "10⁻⁶ 10⁻⁵ 10⁻⁴ 0.001 0.01"), InlineData(1, 1e6, "1 10 100 1k 10k 100k 1M"), InlineData(3, 4, "3.0 3.2 3.4 3.6 3.8 4.0")]
    public void Log_marks_are_round(double low, double high, string expected) => Assert.Equal(expected, MarksOfY(low, high, Scale.Log, plotHeight: 280));

    static string MarksOfY(double low, double high, Scale scale, int plotHeight)
    {
        var root = Parsed(new LineChart { YScale = scale, PlotHeight = plotHeight, Series = [new("", [(0, low), (1, high)])] }.Draw());
        return string.Join(' ', root.Elements(Ns + "text").Where(text => text.Attribute("text-anchor")?.Value == "end").Select(text => text.Value));
    }

    [Fact]
    public void Bars_are_as_long_as_their_values_and_show_interval_and_chance()
    {
        var root = Parsed(new BarChart { Bars = [new("a", 0.25, new(0.2, 0.3)), new("b", 1)], References = [new("chance", 0.1)] }.Draw());
        var widths = root.Elements(Ns + "rect").Select(rect => Number(rect, "width")).ToArray();
        Assert.Equal(widths[1] / 4, widths[0], 0.02);
        Assert.Contains("25.0\u00a0% (20.0–30.0)", Texts(root));
        Assert.Contains("chance 10.0\u00a0%", Texts(root));
        var whisker = root.Elements(Ns + "line").First(line => line.Attribute("stroke-width")?.Value == "2.5");
        Assert.Equal(widths[1] / 10, Number(whisker, "x2") - Number(whisker, "x1"), 0.02);
    }

    [Theory]
    [InlineData(2), InlineData(10), InlineData(20), InlineData(35)]
    public void Text_of_a_chart_lies_on_it_and_names_do_not_overlap(int n)
    {
        var names = Enumerable.Range(0, n).Select(i => $"a class with a longish name, number {i}").ToArray();
        var counts = new long[n, n];
        for (var i = 0; i < n; i++) { counts[i, i] = 1000 + i; }
        Svg[] all =
        [
            new ConfusionMatrix { Counts = counts, Classes = names }.Draw(),
            new HeatMap { Rows = names, Columns = names, Values = new double[n, n], RowLabel = "row", ColumnLabel = "column" }.Draw(),
            new BarChart { Bars = [.. names.Select(name => new Bar(name, 0.5, new(0.4, 0.6)))] }.Draw(),
            new LineChart { Series = [.. names.Select(name => new Series(name, [(0, 0), (1, 1)]))] }.Draw(),
        ];
        foreach (var svg in all)
        {
            var level = new List<(double Left, double Top, double Right, double Bottom)>();
            foreach (var text in Parsed(svg).Elements(Ns + "text"))
            {
                var (x, y, size) = (Number(text, "x"), Number(text, "y"), Number(text, "font-size"));
                var width = 0.52 * size * text.Nodes().OfType<XText>().First().Value.Length; // an ordinary sans-serif font's mean
                if (text.Attribute("transform") is not null) // turned by 45 degrees: up and to the right
                {
                    Assert.InRange(x + width * 0.7072, 0, svg.Width);
                    Assert.InRange(y - (width + size) * 0.7072, 0, svg.Height);
                    continue;
                }
                var left = text.Attribute("text-anchor")?.Value switch { "middle" => x - width / 2, "end" => x - width, _ => x };
                var box = (Left: left, Top: y - 0.75 * size, Right: left + width, Bottom: y);
                Assert.True(box.Left >= 0 && box.Right <= svg.Width && box.Top >= 0 && box.Bottom <= svg.Height, $"'{text.Value}' lies at {box} on {svg.Width} x {svg.Height}");
                Assert.DoesNotContain(level, other => box.Left < other.Right && other.Left < box.Right && box.Top < other.Bottom && other.Top < box.Bottom);
                level.Add(box);
            }
        }
    }

    [Fact]
    public void Heat_map_frames_its_highest_value_and_darkens_towards_the_lowest()
    {
        var root = Parsed(new HeatMap { Rows = ["r"], Columns = ["a", "b", "c"], Values = new[,] { { 0.1, 0.9, double.NaN } }, Style = NumberStyle.Percent, MarkHighest = true }.Draw());
        Assert.Single(root.Elements(Ns + "rect"), rect => rect.Attribute("fill")!.Value == "none");
        Assert.Contains("90.0", Texts(root));
        var cells = root.Elements(Ns + "rect").Take(2).Select(rect => rect.Attribute("fill")!.Value);
        Assert.True(cells.Select(Lightness).SequenceEqual(cells.Select(Lightness).Order()) && cells.Distinct().Count() == 2, string.Join(' ', cells));
        Assert.Throws<ArgumentException>(() => new HeatMap { Rows = ["r"], Columns = ["a"], Values = new double[1, 2] }.Draw());
    }

    // The sum of #rrggbb's three numbers.
    static int Lightness(string colour) => Enumerable.Range(0, 3).Sum(i => Convert.ToInt32(colour.Substring(1 + 2 * i, 2), 16));

    [Fact]
    public void Confusion_matrix_shows_each_count_that_is_not_0()
    {
        var root = Parsed(new ConfusionMatrix { Counts = new long[,] { { 1200, 0 }, { 300, 900 } }, Classes = ["cat", "dog"] }.Draw());
        Assert.Equal(["1,200", "300", "900"], Texts(root).Where(text => text.Any(char.IsDigit) && !text.Contains('%')));
        Assert.Equal(["100.0\u00a0%", "75.0\u00a0%"], Texts(root).Where(text => text.Contains('%')));
        Assert.Contains("dog taken for cat: 300 of 1,200", root.Descendants(Ns + "title").Select(title => title.Value));
        Assert.Throws<ArgumentException>(() => new ConfusionMatrix { Counts = new long[2, 3] }.Draw());
    }

    [Fact]
    public void Drawings_are_the_same_in_every_culture()
    {
        var (before, expected) = (CultureInfo.CurrentCulture, AllNamed("x").Select(svg => svg.Text).ToArray());
        try
        {
            var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator, comma.NumberFormat.NegativeSign) = (",", ".", "~");
            CultureInfo.CurrentCulture = comma;
            Assert.Equal(expected, AllNamed("x").Select(svg => svg.Text));
            Assert.Equal(("87.1\u00a0%", "1,234", "-1.5e-7"), (Numbers.Percent(0.871), Numbers.Count(1234), Numbers.Significant(-1.5e-7)));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
