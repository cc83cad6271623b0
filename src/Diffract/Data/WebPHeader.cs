using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>The RIFF chunks of a WebP file; the size itself is left to libwebp.</summary>
static class WebPHeader
{
    public static bool Matches(ReadOnlySpan<byte> file) => file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8);

    /// <exception cref="InvalidDataException">It is animated, or libwebp refuses its header.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file)
    {
        int orientation = 1;
        for (int at = 12; file.Length - at >= 8;)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            var data = file.Slice(at + 8, (int)Math.Min(length, (uint)(file.Length - at - 8)));
            var type = file.Slice(at, 4);
            if (type.SequenceEqual("VP8X"u8) && data.Length > 0 && (data[0] & 2) != 0) { throw new InvalidDataException("animated WebP is not read; convert it to PNG or JPEG"); }
            if (type.SequenceEqual("EXIF"u8)) { orientation = Exif.Orientation(data.StartsWith("Exif\0\0"u8) ? data[6..] : data); }
            long next = at + 8L + length + (length & 1);
            if (next >= file.Length) { break; }
            at = (int)next;
        }
        var (width, height) = WebP.Size(file);
        return new PictureHeader(PictureFormat.WebP, width, height, 3, 8, orientation);
    }
}
