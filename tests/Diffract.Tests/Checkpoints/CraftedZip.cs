using System.Text;

namespace Diffract.Tests.Checkpoints;

/// <summary>Zip archives of stored entries, as torch.save lays them out, with every field at hand to be set wrong.</summary>
sealed class CraftedZip
{
    public sealed record Entry(string Name, byte[] Bytes)
    {
        public ushort Flags { get; init; }
        public ushort Method { get; init; }
        public uint? CentralLength { get; init; }
        public uint? LocalLength { get; init; }
        public uint? HeaderOffset { get; init; }
        public string? LocalName { get; init; }
        public byte[] Extra { get; init; } = [];
    }

    public ushort? Count { get; init; }
    public uint? CentralOffset { get; init; }

    /// <summary>A file of torch.save: data.pkl, and storages under data/.</summary>
    public static byte[] Checkpoint(byte[] pickle, params (string Key, byte[] Bytes)[] storages) =>
        new CraftedZip().Build([new Entry("x/data.pkl", pickle), .. storages.Select(s => new Entry($"x/data/{s.Key}", s.Bytes))]);

    public byte[] Build(params Entry[] entries)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        var offsets = new List<uint>();
        foreach (var entry in entries)
        {
            offsets.Add((uint)stream.Position);
            byte[] name = Encoding.UTF8.GetBytes(entry.LocalName ?? entry.Name);
            writer.Write("PK\x03\x04"u8);
            writer.Write((ushort)20);
            writer.Write(entry.Flags);
            writer.Write(entry.Method);
            writer.Write(0L);                                                              // time, date, checksum
            writer.Write(entry.LocalLength ?? (uint)entry.Bytes.Length);
            writer.Write(entry.LocalLength ?? (uint)entry.Bytes.Length);
            writer.Write((ushort)name.Length);
            writer.Write((ushort)0);
            writer.Write(name);
            writer.Write(entry.Bytes);
        }
        uint central = (uint)stream.Position;
        for (int i = 0; i < entries.Length; i++) { WriteCentral(writer, entries[i], offsets[i]); }
        uint end = (uint)stream.Position;
        writer.Write("PK\x05\x06"u8);
        writer.Write(0);
        writer.Write(Count ?? (ushort)entries.Length);
        writer.Write(Count ?? (ushort)entries.Length);
        writer.Write(end - central);
        writer.Write(CentralOffset ?? central);
        writer.Write((ushort)0);
        return stream.ToArray();
    }

    static void WriteCentral(BinaryWriter writer, Entry entry, uint offset)
    {
        byte[] name = Encoding.UTF8.GetBytes(entry.Name);
        writer.Write("PK\x01\x02"u8);
        writer.Write(20);
        writer.Write(entry.Flags);
        writer.Write(entry.Method);
        writer.Write(0L);
        writer.Write(entry.CentralLength ?? (uint)entry.Bytes.Length);
        writer.Write(entry.CentralLength ?? (uint)entry.Bytes.Length);
        writer.Write((ushort)name.Length);
        writer.Write((ushort)entry.Extra.Length);
        writer.Write((ushort)0);
        writer.Write(0L);                                                                  // disk, attributes
        writer.Write(entry.HeaderOffset ?? offset);
        writer.Write(name);
        writer.Write(entry.Extra);
    }
}
