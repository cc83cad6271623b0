using System.Diagnostics.CodeAnalysis;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

public enum CheckpointFormat
{
    Safetensors,
    /// <summary>What torch.save writes since PyTorch 1.6: a zip archive of a pickle and raw storages.</summary>
    TorchZip,
    /// <summary>What torch.save wrote before: pickles, then raw storages, no zip.</summary>
    TorchOld,
}

/// <summary>
/// An open checkpoint: safetensors or either container of torch.save, recognised by content, mapped into memory. Opening reads the directory only, and
/// nothing in the file is ever run. All offsets and sizes are checked on opening; memory taken is in proportion to the directory.
/// </summary>
/// <remarks>
/// Nested dicts, lists and tuples flatten to one name, keys and indices joined by dots: {"model": {"fc.weight": w}, "lr": [0.1, 0.2]} gives the
/// tensor "model.fc.weight" and the value "lr". Lists of plain values stay one value. A file that is one bare tensor names it "tensor".
/// Keep the file in place while it is open: bytes that another program cuts off end the process when they are touched.
/// </remarks>
public sealed class CheckpointFile : IDisposable
{
    readonly MappedFile _file;
    readonly CheckpointContent _content;
    readonly Lazy<string> _sha256;

    CheckpointFile(MappedFile file, CheckpointContent content)
    {
        (_file, _content) = (file, content);
        _sha256 = new Lazy<string>(file.Sha256);
    }

    public string Path => _file.Path;

    /// <summary>Bytes of the file.</summary>
    public long Length => _file.Length;

    public CheckpointFormat Format => _content.Format;

    /// <summary>All tensors by flattened name, in the order of the file's directory.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _content.Tensors;

    /// <summary>Tensors of element types that Diffract does not have (float8, complex ...): name and type.</summary>
    public IReadOnlyDictionary<string, string> Unreadable => _content.Unreadable;

    /// <summary>The strings of a safetensors file's __metadata__; empty for PyTorch files.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _content.Metadata;

    /// <summary>
    /// What a PyTorch file holds besides tensors, by flattened name: null, bool, long, double, string, BigInteger, byte[] or a list of these
    /// (IReadOnlyList&lt;object?&gt;). A torch.dtype or torch.device is its string. Empty for safetensors.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Values => _content.Values;

    /// <summary>Keys of the outermost dict under which a dict or list with tensors lies, such as "model", "ema"; empty for a plain state dict.</summary>
    public IReadOnlyList<string> Groups => _content.Groups;

    /// <summary>SHA-256 of the whole file in lower-case hex; read through once, on first use.</summary>
    public string Sha256 => _sha256.Value;

    /// <summary>Opens a checkpoint for reading.</summary>
    /// <exception cref="CheckpointException">The file is missing, of no known format, damaged, or holds what Diffract refuses to run.</exception>
    public static CheckpointFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return new CheckpointFile(file, Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that full name.</summary>
    /// <exception cref="CheckpointException">There is none, or its element type is not one of <see cref="DType"/>.</exception>
    public StoredTensor Get(string name)
    {
        if (Tensors.TryGetValue(name, out var tensor)) { return tensor; }
        if (Unreadable.TryGetValue(name, out string? type))
        {
            throw new CheckpointException($"{Path}: {Quote(name)} has element type {type}, which Diffract does not read. Convert it to float32, "
                + "float16 or bfloat16.");
        }
        string first = string.Join(", ", Tensors.Keys.Take(4).Select(Quote));
        throw new CheckpointException(
            $"{Path}: there is no tensor {Quote(name)} among {Tensors.Count}" + (first.Length > 0 ? $" (the first are {first})." : "."));
    }

    /// <summary>The tensors whose names start with prefix and a dot, under the rest of their names, in file order. May be empty.</summary>
    /// <param name="prefix">Such as "model_head" or "state_dict.module"; "" gives all.</param>
    public IReadOnlyDictionary<string, StoredTensor> Under(string prefix)
    {
        int cut = prefix.Length == 0 ? 0 : prefix.Length + 1;
        var view = new OrderedDictionary<string, StoredTensor>();
        foreach (var (name, tensor) in Tensors)
        {
            if (cut == 0 || (name.Length > prefix.Length && name[prefix.Length] == '.' && name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                view.Add(name[cut..], tensor);
            }
        }
        return view;
    }

    /// <summary>
    /// The model's weights under the model's own names. A dict of weights that lies alone in the file, or is the only one called "state_dict",
    /// "model_state_dict", "model", "ema" or "module", is unwrapped; so is the "module." that DistributedDataParallel puts before every name.
    /// </summary>
    /// <exception cref="CheckpointException">The file holds several dicts of weights: choose with <see cref="Under"/>.</exception>
    public IReadOnlyDictionary<string, StoredTensor> StateDict()
    {
        string prefix = StateDictGroup();
        var view = Under(prefix);
        bool parallel = view.Count > 0 && view.Keys.All(k => k.StartsWith("module.", StringComparison.Ordinal));
        return !parallel ? view : Under(prefix.Length == 0 ? "module" : prefix + ".module");
    }

    public void Dispose() => _file.Dispose();

    string StateDictGroup()
    {
        if (Groups.Count == 0) { return ""; }
        var known = Groups.Where(g => g is "state_dict" or "model_state_dict" or "model" or "ema" or "module").ToList();
        if (known.Count == 1) { return known[0]; }
        bool alone = Groups.Count == 1 && Tensors.Keys.All(k => k.StartsWith(Groups[0] + ".", StringComparison.Ordinal));
        return alone ? Groups[0] : throw new CheckpointException(
            $"{Path}: holds tensors under {string.Join(", ", Groups.Take(8).Select(Quote))}; which are the weights cannot be told. Name one of these.");
    }

    static CheckpointContent Read(MappedFile file)
    {
        var start = file.Bytes(0, (int)Math.Min(file.Length, 64), "the start of the file");
        if (start.StartsWith("PK\x03\x04"u8) || start.StartsWith("PK\x05\x06"u8)) { return TorchArchive.Read(file); }
        if (TorchOldContainer.Recognises(start)) { return TorchOldContainer.Read(file); }
        if (SafetensorsReader.Recognises(start)) { return SafetensorsReader.Read(file); }
        string found = Convert.ToHexStringLower(start[..Math.Min(start.Length, 12)]);
        throw new CheckpointException($"{file.Path}: neither safetensors nor a file of torch.save: it starts with {found}. "
            + "Is it the checkpoint itself, and not a web page, an archive around it, or an LFS pointer?");
    }
}
