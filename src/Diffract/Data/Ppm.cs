using System.Buffers.Text;
using System.Text;

namespace Diffract.Data;

/// <summary>Binary portable pixmaps (P6, 8 bits): pixels as they are, behind a line of text.</summary>
static class Ppm
{
    public static bool Matches(ReadOnlySpan<byte> file) => file.StartsWith("P6"u8) && file.Length > 2 && IsSpace(file[2]);

    /// <exception cref="InvalidDataException">The header is damaged, or the file is cut off.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file)
    {
        var (width, height, start) = Parse(file);
        return file.Length - start < 3L * width * height
            ? throw new InvalidDataException($"a {width}x{height} pixmap of {3L * width * height} bytes is cut off after {file.Length - start}")
            : new(PictureFormat.Ppm, width, height, 3, 8, 1);
    }

    public static Picture Decode(ReadOnlySpan<byte> file)
    {
        var (width, height, start) = Parse(file);
        return new Picture(width, height, file.Slice(start, checked(3 * width * height)).ToArray());
    }

    public static byte[] Encode(Picture picture) => [.. Encoding.ASCII.GetBytes($"P6\n{picture.Width} {picture.Height}\n255\n"), .. picture.Rgb];

    static (int Width, int Height, int Start) Parse(ReadOnlySpan<byte> file)
    {
        var at = 2;
        var width = Number(file, ref at);
        var height = Number(file, ref at);
        return Number(file, ref at) == 255 ? (width, height, at + 1) : throw new InvalidDataException("a pixmap whose largest value is not 255; save it with 8 bits a sample");
    }

    static int Number(ReadOnlySpan<byte> file, ref int at)
    {
        while (at < file.Length && (IsSpace(file[at]) || file[at] == '#'))
        {
            at += file[at] == '#' ? Math.Max(file[at..].IndexOf((byte)'\n'), 0) + 1 : 1;
        }
        if (at < file.Length && Utf8Parser.TryParse(file[at..], out int value, out var used) && value > 0)
        {
            at += used;
            return value;
        }
        throw new InvalidDataException($"a damaged pixmap: no number at byte {at}");
    }

    static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';
}
