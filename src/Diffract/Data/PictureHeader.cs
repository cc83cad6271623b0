namespace Diffract.Data;

/// <summary>The formats that are read.</summary>
public enum PictureFormat { Jpeg, Png, WebP, Ppm }

/// <summary>What a picture file says of itself before any pixel is decoded. The format is told by content, never by the file's name.</summary>
/// <param name="Width">Columns as stored, before <paramref name="Orientation"/> is applied.</param>
/// <param name="Channels">Colour components in the file; 4 in a JPEG means CMYK.</param>
/// <param name="Bits">Bits a component.</param>
/// <param name="Orientation">EXIF's 1 to 8; 1 where there is none.</param>
public sealed record PictureHeader(PictureFormat Format, int Width, int Height, int Channels, int Bits, int Orientation)
{
    /// <exception cref="PictureException">Not a picture of a known format, or its header is damaged.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file, string name)
    {
        try
        {
            if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8])) { return JpegHeader.Read(file); }
            if (file.StartsWith(PngHeader.Signature)) { return PngHeader.Read(file); }
            if (WebPHeader.Matches(file)) { return WebPHeader.Read(file); }
            if (Ppm.Matches(file)) { return Ppm.Read(file); }
        }
        catch (InvalidDataException damage) { throw new PictureException($"{name}: {damage.Message}", damage); }
        throw new PictureException($"{name}: {Refusal(file)}");
    }

    static string Refusal(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty) { return "the file is empty"; }
        string? known = file.StartsWith("GIF8"u8) ? "GIF"
            : file.StartsWith("BM"u8) ? "BMP"
            : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ? "TIFF"
            : file.Length > 12 && file.Slice(4, 4).SequenceEqual("ftyp"u8) ? "HEIC or AVIF"
            : null;
        return known is null
            ? $"not a picture: it begins with {Convert.ToHexString(file[..Math.Min(4, file.Length)])}, not as a JPEG, PNG or WebP file does"
            : $"{known} pictures are not read; convert it to PNG or JPEG";
    }
}
