using System.Buffers.Binary;

namespace Diffract.Data;

/// <summary>The cyclic redundancy check of PNG (polynomial EDB88320, reflected), eight bytes a step.</summary>
static class Crc32
{
    static readonly uint[][] Tables = MakeTables();

    public static uint Of(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        var t = Tables;
        for (; data.Length >= 8; data = data[8..])
        {
            uint low = crc ^ BinaryPrimitives.ReadUInt32LittleEndian(data), high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = t[7][(byte)low] ^ t[6][(byte)(low >> 8)] ^ t[5][(byte)(low >> 16)] ^ t[4][low >> 24]
                ^ t[3][(byte)high] ^ t[2][(byte)(high >> 8)] ^ t[1][(byte)(high >> 16)] ^ t[0][high >> 24];
        }
        foreach (byte value in data) { crc = t[0][(byte)(crc ^ value)] ^ (crc >> 8); }
        return ~crc;
    }

    // Table k advances a byte by k further zero bytes.
    static uint[][] MakeTables()
    {
        var tables = new uint[8][];
        for (int k = 0; k < 8; k++)
        {
            tables[k] = new uint[256];
            for (uint value = 0; value < 256; value++)
            {
                uint crc = k == 0 ? value : tables[k - 1][value];
                for (int bit = 0; bit < 8; bit++) { crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1; }
                tables[k][value] = crc;
            }
        }
        return tables;
    }
}
