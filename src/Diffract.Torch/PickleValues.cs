using System.Collections.Immutable;

namespace Diffract.Torch;

/// <summary>A dict as the pickle filled it, in order, doubles included. Lists are List&lt;object?&gt;, tuples object?[].</summary>
sealed class PickleDict
{
    public List<(object? Key, object? Value)> Items { get; set; } = [];

    /// <summary>Whether it stands for an argparse.Namespace, whose attributes are set afterwards.</summary>
    public bool IsNamespace { get; init; }
}

/// <summary>A function or class that a pickle may name; what it stands for is fixed in <see cref="PickleGlobals"/>.</summary>
sealed record PickleGlobal(string Name, Func<object?[], object?> Call);

/// <summary>A storage class: element type by PyTorch's name, or null for untyped bytes.</summary>
sealed record PickleStorageType(string? Element);

/// <summary>A torch.dtype.</summary>
sealed record PickleDType(string Name);

/// <summary>A storage that the pickle points to; its bytes lie elsewhere in the file.</summary>
/// <param name="Element">PyTorch's name of the element type, or null for untyped bytes.</param>
/// <param name="Count">Elements, or bytes where untyped.</param>
sealed record PickleStorage(string Key, string? Element, long Count);

/// <summary>A view of a storage, not yet checked against it.</summary>
sealed record PickleTensor(PickleStorage Storage, string Element, long FirstElement, ImmutableArray<long> Shape, ImmutableArray<long> Strides);

/// <summary>A NumPy dtype or, with bytes, a scalar of it.</summary>
sealed class PickleNumpyType(string code)
{
    public string Code { get; } = code;

    public bool BigEndian { get; set; }
}
