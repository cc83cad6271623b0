using System.Xml;
using System.Xml.Linq;
using Diffract.Data;
using Diffract.Reports;

namespace Diffract.Tests.Reports;

public sealed class HtmlPageTests
{
    const string Hostile = "<script>alert('x')</script> & \"q\" \0";
    static readonly XNamespace Ns = "http://www.w3.org/1999/xhtml";

    static XElement Parsed(HtmlPage page)
    {
        using var reader = XmlReader.Create(new StringReader(page.Html()), new() { DtdProcessing = DtdProcessing.Ignore });
        return XElement.Load(reader);
    }

    static HtmlPage Example(string text)
    {
        var picture = new Picture(3, 2, [255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        return new HtmlPage(text).Heading(text).Heading(text, 3).Paragraph(text).List(text, text).Code(text + "\n" + text)
            .Table(new Table(new(text), new("n", Align.Right)).Add(text, "1.0"), text)
            .Figure(new LineChart { Title = text, Series = [new(text, [(0, 0), (1, 1)])] }.Draw(), text)
            .Figure(picture, text, zoom: 4).Gallery([(picture, text), (picture, text)], zoom: 8);
    }

    [Fact]
    public void Page_is_well_formed_and_escapes_all_text()
    {
        var root = Parsed(Example(Hostile));
        Assert.DoesNotContain(root.Descendants(), element => element.Name.LocalName is "script" or "q");
        Assert.All(root.Descendants().Attributes(), attribute => Assert.DoesNotMatch("^on", attribute.Name.LocalName));
        var shown = Hostile.Replace('\0', '\ufffd');
        Assert.Equal(shown, root.Descendants(Ns + "title").First().Value);
        foreach (var element in (string[])["h1", "h2", "h3", "p", "li", "caption", "th", "td", "figcaption"]) { Assert.Equal(shown, root.Descendants(Ns + element).First().Value); }
        Assert.Equal(shown + "\n" + shown, root.Descendants(Ns + "code").Single().Value);
    }

    [Fact]
    public void Page_needs_nothing_from_outside()
    {
        var root = Parsed(Example("x"));
        var images = root.Descendants(Ns + "img").ToArray();
        Assert.Equal(3, images.Length);
        Assert.All(images, image => Assert.StartsWith("data:image/png;base64,", image.Attribute("src")!.Value));
        var decoded = ImageDecoder.Decode(Convert.FromBase64String(images[0].Attribute("src")!.Value["data:image/png;base64,".Length..]), "inline");
        Assert.Equal((3, 2, 255), (decoded.Width, decoded.Height, decoded.Rgb[0]));
        Assert.Equal(("12", "8"), (images[0].Attribute("width")!.Value, images[0].Attribute("height")!.Value));
        Assert.All(root.Descendants().Attributes().Where(a => !a.IsNamespaceDeclaration), attribute => Assert.DoesNotContain("http", attribute.Value.Replace("http-equiv", "")));
        Assert.DoesNotContain("url(", root.Descendants(Ns + "style").First().Value);
        Assert.Equal(["number"], root.Descendants(Ns + "td").Attributes("class").Select(c => c.Value));
    }

    [Fact]
    public void Page_and_drawing_are_saved_whole()
    {
        var folder = Directory.CreateTempSubdirectory("diffract-reports-");
        try
        {
            var (page, svg) = (Example("é"), new LineChart { Series = [] }.Draw());
            page.Save(Path.Combine(folder.FullName, "page.html"));
            svg.Save(Path.Combine(folder.FullName, "chart.svg"));
            Assert.Equal(page.Html(), File.ReadAllText(Path.Combine(folder.FullName, "page.html")));
            Assert.Equal(svg.Text + "\n", File.ReadAllText(Path.Combine(folder.FullName, "chart.svg")));
            Assert.Equal(2, folder.GetFiles().Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
