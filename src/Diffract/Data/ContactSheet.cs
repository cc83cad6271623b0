using Diffract.Data.BuiltIn;

namespace Diffract.Data;

/// <summary>Rows of small pictures on one large one.</summary>
public sealed record ContactSheet
{
    /// <summary>Each picture's pixel becomes a square of this many pixels a side, 1 to 64.</summary>
    public int Zoom { get; init; } = 1;

    /// <summary>Pixels between pictures and about the sheet, 0 to 1024.</summary>
    public int Gap { get; init; } = 2;

    /// <summary>Size of a dot of the labels' letters in pixels, 1 to 64; a letter is 5 by 7 dots.</summary>
    public int LetterZoom { get; init; } = 2;

    /// <summary>Colour between pictures, sRGB.</summary>
    public (byte R, byte G, byte B) Paper { get; init; } = (255, 255, 255);

    /// <summary>Colour of the labels, sRGB.</summary>
    public (byte R, byte G, byte B) Ink { get; init; } = (40, 44, 52);

    /// <summary>A row of the sheet.</summary>
    /// <param name="Label">Stands left of the row; may be empty.</param>
    /// <param name="Pictures">Each (H, W, 3), all rows' pictures of one size; rows may differ in number.</param>
    public sealed record Row(string Label, IReadOnlyList<byte[]> Pictures);

    /// <returns>The sheet's width and height in pixels, and its (height, width, 3) sRGB bytes.</returns>
    /// <param name="width">Of every picture, in pixels.</param> <param name="height">Of every picture, in pixels.</param>
    /// <exception cref="ArgumentException">A picture is not width * height * 3 bytes long, a setting is out of its range, or the sheet would be above 1 GiB.</exception>
    public (int Width, int Height, byte[] Rgb) Compose(IReadOnlyList<Row> rows, int width, int height)
    {
        Check(rows, width, height);
        var (cellWidth, cellHeight) = ((long)width * Zoom + Gap, (long)height * Zoom + Gap);
        var labels = rows.Count == 0 ? 0 : rows.Max(row => PixelFont.Measure(row.Label)) * LetterZoom;
        var space = Math.Max(Gap, PixelFont.Advance * LetterZoom / 2);
        var margin = labels == 0 ? Gap : labels + 2 * space;
        var columns = rows.Count == 0 ? 0 : rows.Max(row => row.Pictures.Count);
        var (w, h) = (margin + columns * cellWidth, Gap + rows.Count * cellHeight);
        if ((double)w * h * 3 > 1 << 30) { throw new ArgumentException($"a sheet of {w}x{h} pixels is too large; take fewer pictures or a smaller zoom"); }

        var sheet = new Sheet((int)w, (int)h, Paper);
        for (var i = 0; i < rows.Count; i++)
        {
            var top = (int)(Gap + i * cellHeight);
            var text = rows[i].Label;
            var left = margin - space - PixelFont.Measure(text) * LetterZoom;
            sheet.Write(text, left, top + (height * Zoom - PixelFont.Height * LetterZoom) / 2, LetterZoom, Ink);
            for (var j = 0; j < rows[i].Pictures.Count; j++)
            {
                sheet.Place(rows[i].Pictures[j], width, height, (int)(margin + j * cellWidth), top, Zoom);
            }
        }
        return (sheet.Width, sheet.Height, sheet.Rgb);
    }

    void Check(IReadOnlyList<Row> rows, int width, int height)
    {
        if (width < 1 || height < 1 || Zoom is < 1 or > 64 || LetterZoom is < 1 or > 64 || Gap is < 0 or > 1024)
        {
            throw new ArgumentException($"pictures of {width}x{height}, zoom {Zoom}, letter zoom {LetterZoom}, gap {Gap}: sides are 1 or more, zooms 1 to 64, the gap 0 to 1024");
        }
        for (var i = 0; i < rows.Count; i++)
        {
            for (var j = 0; j < rows[i].Pictures.Count; j++)
            {
                var length = rows[i].Pictures[j].Length;
                if (length != (long)width * height * 3)
                {
                    throw new ArgumentException($"picture {j} of row {i} has {length} bytes, {width}x{height} pixels need {(long)width * height * 3}");
                }
            }
        }
    }

    sealed class Sheet
    {
        public int Width { get; }

        public int Height { get; }

        public byte[] Rgb { get; }

        public Sheet(int width, int height, (byte, byte, byte) paper)
        {
            (Width, Height, Rgb) = (width, height, new byte[width * height * 3]);
            for (var at = 0; at < Rgb.Length; at += 3) { (Rgb[at], Rgb[at + 1], Rgb[at + 2]) = paper; }
        }

        public void Place(byte[] picture, int width, int height, int left, int top, int zoom)
        {
            for (var y = 0; y < height * zoom; y++)
            {
                for (var x = 0; x < width * zoom; x++)
                {
                    picture.AsSpan((y / zoom * width + x / zoom) * 3, 3).CopyTo(Rgb.AsSpan(((top + y) * Width + left + x) * 3, 3));
                }
            }
        }

        /// <summary>What does not fit on the sheet is cut off.</summary>
        public void Write(string text, int left, int top, int zoom, (byte, byte, byte) ink)
        {
            for (var y = Math.Max(0, -top); y < PixelFont.Height * zoom && top + y < Height; y++)
            {
                for (var x = 0; x < PixelFont.Measure(text) * zoom; x++)
                {
                    if (!PixelFont.IsSet(text, x / zoom, y / zoom)) { continue; }
                    var at = ((top + y) * Width + left + x) * 3;
                    (Rgb[at], Rgb[at + 1], Rgb[at + 2]) = ink;
                }
            }
        }
    }
}
