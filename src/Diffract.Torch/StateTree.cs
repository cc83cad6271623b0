using System.Globalization;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>Where a storage's bytes lie in the file.</summary>
readonly record struct StorageExtent(long Start, long Length);

/// <summary>
/// Flattens what a pickle built into tensors and values by path. A pickle may name one list many times, so what it unfolds to is bounded: steps and text
/// by its length, the bytes of all tensors together by the length of the file.
/// </summary>
sealed class StateTree(MappedFile file, long pickleStart, long pickleLength, Func<PickleStorage, StorageExtent> locate)
{
    const int MaxDepth = 64;

    /// <summary>How often the tensors of a file, views of one storage counted each, may hold its length.</summary>
    const int MaxUnfolding = 16;

    long _steps = 1000 + pickleLength;
    long _text = (64 << 10) + 24 * pickleLength;
    Int128 _bytes = (Int128)MaxUnfolding * Math.Max(file.Length, 1 << 20);

    public CheckpointContent Flatten(object? root, CheckpointFormat format)
    {
        var content = new CheckpointContent(format);
        if (root is PickleDict or List<object?> or object?[]) { Children(content, root, "", 1); }
        else { Add(content, root is PickleTensor or PickleStorage ? "tensor" : "value", root, 1); }
        return content;
    }

    void Children(CheckpointContent content, object? parent, string prefix, int depth)
    {
        if (depth > MaxDepth) { throw Fault($"more than {MaxDepth} dicts and lists lie in each other, such as {Quote(prefix)}"); }
        if (parent is PickleDict dict)
        {
            foreach (var (key, value) in dict.Items) { Child(content, prefix + Key(key), value, depth); }
            return;
        }
        var items = (IReadOnlyList<object?>)parent!;
        for (int i = 0; i < items.Count; i++) { Child(content, prefix + i.ToString(CultureInfo.InvariantCulture), items[i], depth); }
    }

    void Child(CheckpointContent content, string name, object? value, int depth)
    {
        int before = content.Tensors.Count + content.Unreadable.Count;
        Add(content, name, value, depth);
        bool container = value is PickleDict or List<object?> or object?[];
        if (depth == 1 && container && content.Tensors.Count + content.Unreadable.Count > before) { content.Groups.Add(name); }
    }

    void Add(CheckpointContent content, string name, object? value, int depth)
    {
        Spend(name.Length);
        if (value is PickleDict || (value is IReadOnlyList<object?> list && !IsPlain(list)))
        {
            Children(content, value, name + ".", depth + 1);
            return;
        }
        if (content.Holds(name)) { throw Fault($"two entries have the name {Quote(name)}"); }
        switch (value)
        {
            case PickleTensor tensor: AddTensor(content, name, tensor); break;
            case PickleStorage { Element: var element } storage:
                AddTensor(content, name, new PickleTensor(storage, element ?? "uint8", 0, [storage.Count], [1]));
                break;
            default: content.Values.Add(name, Plain(value)); break;
        }
    }

    void AddTensor(CheckpointContent content, string name, PickleTensor tensor)
    {
        var storage = tensor.Storage;
        var extent = locate(storage);
        if (PickleGlobals.TypeOf(tensor.Element) is not DType dtype)
        {
            content.Unreadable.Add(name, tensor.Element);
            return;
        }
        var stored = StoredTensor.Create(file, name, dtype, tensor.Shape, tensor.Strides, tensor.FirstElement, extent.Start, extent.Length);
        _bytes -= stored.ByteLength;
        if (_bytes < 0) { throw Fault($"the tensors, counted one by one, are {MaxUnfolding} times as large as the file"); }
        content.Tensors.Add(name, stored);
    }

    bool IsPlain(IReadOnlyList<object?> list)
    {
        Spend(0);
        foreach (object? item in list)
        {
            if (item is PickleDict or PickleTensor or PickleStorage or List<object?> or object?[]) { return false; }
        }
        return true;
    }

    object? Plain(object? value)
    {
        if (value is IReadOnlyList<object?> list)
        {
            _steps -= list.Count;
            Spend(0);
            return list.Select(PlainItem).ToArray();
        }
        return PlainItem(value);
    }

    static object? PlainItem(object? value) => value switch
    {
        null or bool or long or double or string or System.Numerics.BigInteger or byte[] => value,
        PickleDType type => "torch." + type.Name,
        PickleGlobal global => global.Name,
        _ => value.GetType().Name["Pickle".Length..],
    };

    string Key(object? key) => key switch
    {
        string text => text,
        long number => number.ToString(CultureInfo.InvariantCulture),
        bool truth => truth ? "True" : "False",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        null => "None",
        _ => throw Fault("a dict has a key that is neither text nor a number"),
    };

    /// <summary>Counts a step and the length of a name against what the pickle's own length allows.</summary>
    void Spend(int text)
    {
        _steps--;
        _text -= text;
        if (_steps < 0 || _text < 0) { throw Fault("shared lists and dicts unfold to far more than its own length"); }
    }

    CheckpointException Fault(string found) => file.Fault(pickleStart, $"in the pickle that starts here: {found}. The file is not a checkpoint of "
        + "weights, or hostile.");
}
