using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>The markers of a JPEG file before its first scan, walked as libjpeg walks them, so that both see the same frame.</summary>
/// <remarks>ITU T.81, annex B.</remarks>
static class JpegHeader
{
    // Each scan of a progressive file costs a pass over the whole picture; encoders write about ten.
    const int MostScans = 500;

    const byte StartOfScan = 0xDA, EndOfImage = 0xD9, App1 = 0xE1;

    /// <exception cref="InvalidDataException">There is no frame header, or it is cut short or nonsensical.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file)
    {
        int at = 2, orientation = 1, width = 0, height = 0, channels = 0, bits = 0;
        while (NextMarker(file, ref at) is var marker && marker is not (StartOfScan or EndOfImage))
        {
            if (marker is 0x01 or (>= 0xD0 and <= 0xD8)) { continue; }                 // without a segment
            if (at + 2 > file.Length) { throw Truncated(); }
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[at..]);
            if (length < 2) { throw new InvalidDataException($"damaged JPEG: segment {marker:X2} at byte {at} has length {length}"); }
            if (at + length > file.Length) { throw Truncated(); }
            var segment = file.Slice(at + 2, length - 2);
            at += length;
            if (marker == App1 && segment.StartsWith("Exif\0\0"u8)) { orientation = Exif.Orientation(segment[6..]); }
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC) && width == 0)
            {
                if (segment.Length < 6) { throw new InvalidDataException($"damaged JPEG: its frame header has {segment.Length} bytes"); }
                bits = segment[0];
                height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
                width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
                channels = segment[5];
                if (width == 0 || height == 0) { throw new InvalidDataException($"damaged JPEG: its size is {width}x{height}"); }
            }
        }
        if (width == 0) { throw new InvalidDataException("damaged JPEG: it ends before its frame header"); }
        if (file[at..].Count((ReadOnlySpan<byte>)[0xFF, StartOfScan]) > MostScans)
        {
            throw new InvalidDataException($"JPEG with more than {MostScans} scans; no real picture has so many");
        }
        return new PictureHeader(PictureFormat.Jpeg, width, height, channels, bits, orientation);
    }

    // Bytes that are no marker are passed over, and FF may be repeated.
    static byte NextMarker(ReadOnlySpan<byte> file, ref int at)
    {
        while (true)
        {
            int offset = at < file.Length ? file[at..].IndexOf((byte)0xFF) : -1;
            if (offset < 0) { throw Truncated(); }
            at += offset;
            while (at < file.Length && file[at] == 0xFF) { at++; }
            if (at >= file.Length) { throw Truncated(); }
            byte marker = file[at++];
            if (marker != 0) { return marker; }
        }
    }

    static InvalidDataException Truncated() => new("truncated JPEG: the file ends within its header");
}
