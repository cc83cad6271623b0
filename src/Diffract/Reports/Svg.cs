using System.Text;
using Diffract.Torch;

namespace Diffract.Reports;

/// <summary>A finished drawing: one SVG element that stands alone as a file, in an HTML page or in a document, on light and on dark ground.</summary>
public sealed class Svg
{
    internal Svg(double width, double height, string text) => (Width, Height, Text) = (width, height, text);

    /// <summary>Pixels.</summary>
    public double Width { get; }

    /// <summary>Pixels.</summary>
    public double Height { get; }

    /// <summary>Well-formed XML, with nothing that runs and nothing that is fetched.</summary>
    public string Text { get; }

    /// <summary>Writes the file whole or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, Encoding.UTF8.GetBytes(Text + "\n"));

    public override string ToString() => Text;
}
