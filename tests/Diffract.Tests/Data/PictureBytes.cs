using System.Buffers.Binary;

namespace Diffract.Tests.Data;

/// <summary>Surgery on picture files.</summary>
static class PictureBytes
{
    /// <summary>A JPEG with an EXIF segment that notes an orientation, right after its start.</summary>
    public static byte[] WithOrientation(byte[] jpeg, byte[] tiff)
    {
        byte[] content = [.. "Exif\0\0"u8, .. tiff];
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)(content.Length + 2));
        return [.. jpeg[..2], 0xFF, 0xE1, .. length, .. content, .. jpeg[2..]];
    }

    /// <summary>A PNG with a further chunk after its header.</summary>
    public static byte[] WithChunk(byte[] png, string type, byte[] data)
    {
        byte[] chunk = [0, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(type), .. data, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        byte[] file = [.. png[..33], .. chunk, .. png[33..]];
        FixChecksum(file, 33);
        return file;
    }

    /// <summary>A TIFF block with a comment entry and the orientation.</summary>
    public static byte[] Tiff(int orientation, bool little)
    {
        byte[] tiff = new byte[8 + 2 + 24 + 4];
        (little ? "II*\0"u8 : "MM\0*"u8).CopyTo(tiff);
        Put(4, 8, 4);
        Put(8, 2, 2);
        Put(10, 0x010E, 2); Put(12, 2, 2); Put(14, 4, 4);
        Put(22, 0x0112, 2); Put(24, 3, 2); Put(26, 1, 4); Put(30, orientation, 2);
        return tiff;

        void Put(int at, int value, int bytes)
        {
            for (int i = 0; i < bytes; i++) { tiff[at + (little ? i : bytes - 1 - i)] = (byte)(value >> (8 * i)); }
        }
    }

    /// <summary>Makes the checksum of the chunk at <paramref name="at"/> right; false where no whole chunk is there.</summary>
    public static bool FixChecksum(byte[] png, int at)
    {
        long length = at + 12 <= png.Length ? BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at)) : uint.MaxValue;
        if (length > png.Length - at - 12) { return false; }
        uint crc = ~0u;                                                                // bit by bit, as the specification's text has it
        foreach (byte value in png.AsSpan(at + 4, 4 + (int)length))
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++) { crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1; }
        }
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at + 8 + (int)length), ~crc);
        return true;
    }

    public static void FixChecksums(byte[] png)
    {
        for (int at = 8; FixChecksum(png, at);) { at += 12 + BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at)); }
    }
}
