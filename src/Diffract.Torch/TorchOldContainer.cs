using System.Buffers.Binary;
using System.Numerics;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>
/// What torch.save wrote before PyTorch 1.6: five pickles (a magic number, 1001, facts of the machine, the object, the storages' keys), then for each key the
/// number of elements as 8 bytes and the elements.
/// </summary>
static class TorchOldContainer
{
    const long Protocol = 1001;

    static readonly BigInteger Magic = new(MagicNumber[2..]);

    /// <summary>The magic number as an instruction of a pickle: LONG1, 10 bytes.</summary>
    static ReadOnlySpan<byte> MagicNumber => [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    public static bool Recognises(ReadOnlySpan<byte> start) => start[0] == 0x80 && start.IndexOf(MagicNumber) is >= 2 and <= 16;

    public static CheckpointContent Read(MappedFile file)
    {
        long at = 0;
        object? magic = Pickle.Read(file, ref at, file.Length, out _);
        if (magic is not BigInteger number || number != Magic || Pickle.Read(file, ref at, file.Length, out _) is not Protocol)
        {
            throw file.Damaged(at, "the file starts like one of torch.save, but not as any version that is known.");
        }
        if (Pickle.Read(file, ref at, file.Length, out _) is not PickleDict machine || !machine.Items.Contains(("little_endian", true)))
        {
            throw file.Fault(at, "the checkpoint does not say that it was written on a little-endian machine. Load it with PyTorch and save it as "
                + "safetensors.");
        }
        long start = at;
        object? root = Pickle.Read(file, ref at, file.Length, out var storages);
        long end = at;
        if (Pickle.Read(file, ref at, file.Length, out _) is not List<object?> keys) { throw file.Damaged(end, "here should be the list of storages."); }
        var places = Places(file, keys, storages, at);
        return new StateTree(file, start, end - start, storage => Locate(file, places, storages, storage)).Flatten(root, CheckpointFormat.TorchOld);
    }

    /// <summary>The storages lie one behind the other in the order of the keys; how large their elements are only the pickle's references say.</summary>
    static Dictionary<string, StorageExtent> Places(MappedFile file, List<object?> keys, IReadOnlyDictionary<string, PickleStorage> storages, long at)
    {
        var places = new Dictionary<string, StorageExtent>();
        foreach (object? item in keys)
        {
            if (item is not string key || !storages.TryGetValue(key, out var storage)) { throw file.Damaged(at, "a storage that no tensor points to."); }
            int size = storage.Element is null ? 1 : PickleGlobals.SizeOf(storage.Element);
            long count = BinaryPrimitives.ReadInt64LittleEndian(file.Bytes(at, 8, "a storage's length"));
            at += 8;
            if (count != storage.Count || count > (file.Length - at) / size)
            {
                throw file.Fault(at - 8, $"storage {Quote(key)} has {count} elements of {size} bytes here, {storage.Count} in the pickle, and "
                    + $"{file.Length - at} bytes follow. Is the file complete?");
            }
            if (!places.TryAdd(key, new StorageExtent(at, count * size))) { throw file.Damaged(at, $"storage {Quote(key)} is there twice."); }
            at += count * size;
        }
        return places;
    }

    static StorageExtent Locate(MappedFile file, Dictionary<string, StorageExtent> places, IReadOnlyDictionary<string, PickleStorage> storages,
        PickleStorage storage)
    {
        if (places.TryGetValue(storage.Key, out var extent) && storages[storage.Key] == storage) { return extent; }
        throw new CheckpointException($"{file.Path}: the file has no storage {Quote(storage.Key)} as a tensor needs it. Is the file complete?");
    }
}
