using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>
/// The zip container of torch.save: NAME/data.pkl is a pickle whose tensors point to NAME/data/KEY, stored raw; NAME/byteorder (since PyTorch 2.1) says
/// "little".
/// </summary>
static class TorchArchive
{
    public static CheckpointContent Read(MappedFile file)
    {
        var zip = ZipDirectory.Read(file);
        var pickle = FindPickle(file, zip);
        string folder = pickle.Name[..^"data.pkl".Length];
        if (zip.Entries.ContainsKey(folder + "constants.pkl"))
        {
            throw new CheckpointException($"{file.Path}: a TorchScript program, not a checkpoint of weights. In PyTorch: "
                + "torch.save(torch.jit.load(path).state_dict(), ...).");
        }
        if (zip.Entries.TryGetValue(folder + "byteorder", out var order) && !IsLittle(file, order))
        {
            throw file.Fault(order.Start, "the checkpoint was written on a big-endian machine. Load it there and save it as safetensors.");
        }
        long at = pickle.Start;
        object? root = Pickle.Read(file, ref at, pickle.Start + pickle.Length, out _);
        return new StateTree(file, pickle.Start, pickle.Length, storage => Locate(file, zip, folder, storage)).Flatten(root, CheckpointFormat.TorchZip);
    }

    static ZipEntry FindPickle(MappedFile file, ZipDirectory zip)
    {
        var pickles = zip.Entries.Values.Where(e => e.Name[(e.Name.IndexOf('/') + 1)..] == "data.pkl").ToList();
        return pickles.Count switch
        {
            1 => Stored(file, pickles[0]),
            0 => throw new CheckpointException($"{file.Path}: a zip archive of {zip.Entries.Count} entries without data.pkl, so not from torch.save. "
                + "If the checkpoint is inside it, unpack it first."),
            _ => throw new CheckpointException($"{file.Path}: a zip archive with {pickles.Count} entries data.pkl; a file of torch.save has one."),
        };
    }

    static bool IsLittle(MappedFile file, ZipEntry order) =>
        file.Bytes(Stored(file, order).Start, (int)Math.Min(order.Length, 16), "byteorder").StartsWith("little"u8);

    static ZipEntry Stored(MappedFile file, ZipEntry entry) => entry.Method == 0 ? entry : throw file.Fault(entry.Start,
        $"entry {Quote(entry.Name)} is compressed (method {entry.Method}); torch.save stores without compression. Pack the archive again with 'zip "
            + "-0', or load and save it with PyTorch.");

    static StorageExtent Locate(MappedFile file, ZipDirectory zip, string folder, PickleStorage storage)
    {
        if (!zip.Entries.TryGetValue($"{folder}data/{storage.Key}", out var entry))
        {
            throw new CheckpointException($"{file.Path}: the archive has no entry {Quote($"{folder}data/{storage.Key}")} that a tensor points to. Is "
                + "the file complete?");
        }
        Stored(file, entry);
        int size = storage.Element is null ? 1 : PickleGlobals.SizeOf(storage.Element);
        if (storage.Count > entry.Length / size)
        {
            throw file.Damaged(entry.Start, $"entry {Quote(entry.Name)} has {entry.Length} bytes; its storage is said to have {storage.Count} "
                + $"elements of {size}.");
        }
        return new StorageExtent(entry.Start, storage.Count * size);
    }
}
