using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>What is done about the orientation that a camera notes in EXIF.</summary>
public enum ExifPolicy
{
    /// <summary>The picture is turned upright, as viewers show it.</summary>
    Apply,

    /// <summary>The pixels are taken as stored, as the papers' released code does.</summary>
    Ignore,
}

/// <summary>The orientation tag of EXIF, and what it means.</summary>
/// <remarks>EXIF 2.32, section 4.6.4; TIFF 6.0, section 2.</remarks>
static class Exif
{
    const int OrientationTag = 0x0112, ShortType = 3;

    /// <summary>The orientation in a TIFF block; 1 where there is none or the block is damaged.</summary>
    public static int Orientation(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8) { return 1; }
        bool little = tiff.StartsWith("II*\0"u8);
        if (!little && !tiff.StartsWith("MM\0*"u8)) { return 1; }
        uint directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (directory > (uint)tiff.Length - 2) { return 1; }
        var entries = tiff[((int)directory + 2)..];
        int count = Short(tiff[(int)directory..], little);
        for (int i = 0; i < count && entries.Length >= 12; i++, entries = entries[12..])
        {
            if (Short(entries, little) == OrientationTag)
            {
                int value = Short(entries[8..], little);
                return Short(entries[2..], little) == ShortType && value is >= 1 and <= 8 ? value : 1;
            }
        }
        return 1;
    }

    /// <summary>The picture turned upright.</summary>
    public static Picture Upright(Picture picture, int orientation)
    {
        if (orientation == 1) { return picture; }
        int w = picture.Width, h = picture.Height;
        // Where the upright picture's first pixel lies in the stored one, and the steps there for one column and one row of the upright picture.
        var (start, column, row) = orientation switch
        {
            2 => (w - 1, -1, w),
            3 => (h * w - 1, -1, -w),
            4 => ((h - 1) * w, 1, -w),
            5 => (0, w, 1),
            6 => ((h - 1) * w, -w, 1),
            7 => (h * w - 1, -w, -1),
            8 => (w - 1, w, -1),
            _ => throw new ArgumentOutOfRangeException(nameof(orientation), orientation, "EXIF knows 1 to 8"),
        };
        var upright = orientation < 5 ? Picture.Unwritten(w, h) : Picture.Unwritten(h, w);
        byte[] from = picture.Rgb, to = upright.Rgb;
        for (int y = 0, target = 0; y < upright.Height; y++)
        {
            int source = 3 * (start + y * row);
            for (int x = 0; x < upright.Width; x++, source += 3 * column, target += 3)
            {
                (to[target], to[target + 1], to[target + 2]) = (from[source], from[source + 1], from[source + 2]);
            }
        }
        return upright;
    }

    static int Short(ReadOnlySpan<byte> at, bool little) => little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
}
