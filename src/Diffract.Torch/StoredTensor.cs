using System.Collections.Immutable;
using System.Runtime.InteropServices;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>A tensor inside an open <see cref="CheckpointFile"/>: a checked view of mapped bytes. Nothing is copied until asked.</summary>
public sealed unsafe class StoredTensor
{
    readonly MappedFile _file;

    StoredTensor(MappedFile file, string name, DType dtype, ImmutableArray<long> shape, ImmutableArray<long> strides, long offset, long count)
    {
        (_file, FileOffset, Name, DType, Shape, Strides, Count) = (file, offset, name, dtype, shape, strides, count);
        IsContiguous = HasRowMajorStrides();
    }

    /// <summary>Full name in the file, such as "state_dict.module.weight".</summary>
    public string Name { get; }

    public DType DType { get; }

    public ImmutableArray<long> Shape { get; }

    /// <summary>Elements from one index to the next, for each dimension; 0 where a dimension is expanded.</summary>
    public ImmutableArray<long> Strides { get; }

    /// <summary>Number of elements: the product of <see cref="Shape"/>.</summary>
    public long Count { get; }

    /// <summary>Where the first element lies in the file.</summary>
    public long FileOffset { get; }

    /// <summary>Bytes of a row-major copy.</summary>
    public long ByteLength => Count * DType.Size();

    /// <summary>Whether the elements lie in the file in row-major order without gaps.</summary>
    public bool IsContiguous { get; }

    /// <summary>Whether <see cref="Address"/> is a multiple of the element size. Old containers and some safetensors files give no such promise.</summary>
    public bool IsAligned => Address % DType.Size() == 0;

    /// <summary>
    /// Address of the first element in the mapped file. The elements that <see cref="Shape"/> and <see cref="Strides"/> reach from here were checked
    /// to lie in the file when it was opened. Read-only, and valid only while the file is open: keep the CheckpointFile and dispose it last.
    /// </summary>
    public nint Address => _file.Address(FileOffset);

    /// <summary>Copies all elements in row-major order, whatever the strides.</summary>
    /// <param name="destination"><see cref="ByteLength"/> bytes.</param>
    /// <exception cref="ArgumentException">destination has another length.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void CopyTo(Span<byte> destination)
    {
        if (destination.Length != ByteLength)
        {
            throw new ArgumentException($"'{Name}' has {ByteLength} bytes, the destination {destination.Length}", nameof(destination));
        }
        CopyTo(0, destination);
    }

    /// <summary>Copies a run of elements, counted in row-major order: destination.Length / element size of them.</summary>
    /// <exception cref="ArgumentException">The run is not within the tensor, or destination is no whole number of elements.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void CopyTo(long firstElement, Span<byte> destination)
    {
        int size = DType.Size();
        long wanted = destination.Length / size;
        if (destination.Length % size != 0 || firstElement < 0 || firstElement > Count - wanted)
        {
            throw new ArgumentException($"'{Name}' has {Count} elements of {size} bytes; {destination.Length} bytes from element {firstElement} are "
                + "not within it");
        }
        if (wanted == 0) { return; }
        using var lease = new MappedFile.Lease(_file);
        byte* source = lease.Start + FileOffset;
        if (IsContiguous) { new ReadOnlySpan<byte>(source + firstElement * size, destination.Length).CopyTo(destination); }
        else
        {
            fixed (byte* target = destination) { StridedCopy.Run(source, Shape.AsSpan(), Strides.AsSpan(), size, firstElement, target, wanted); }
        }
    }

    /// <summary>Writes all elements in row-major order, in pieces of at most 1 MiB.</summary>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void CopyTo(Stream destination)
    {
        int size = DType.Size();
        byte[] buffer = new byte[(int)Math.Min(ByteLength, 1 << 20)];
        for (long done = 0; done < Count;)
        {
            int count = (int)Math.Min(buffer.Length / size, Count - done);
            CopyTo(done, buffer.AsSpan(0, count * size));
            destination.Write(buffer, 0, count * size);
            done += count;
        }
    }

    /// <summary>A copy of the elements in row-major order; T must have the element's size, such as float for Float32 or ushort for BFloat16.</summary>
    /// <exception cref="ArgumentException">T has another size.</exception>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (sizeof(T) != DType.Size()) { throw new ArgumentException($"'{Name}' is {DType}, not {typeof(T).Name}"); }
        var elements = new T[Count];
        CopyTo(MemoryMarshal.AsBytes(elements.AsSpan()));
        return elements;
    }

    public override string ToString() => $"{Name}: {DType} ({string.Join(", ", Shape)})";

    /// <summary>Checks a view against its storage, the bytes [start, start + length) of the file, and makes it.</summary>
    /// <exception cref="CheckpointException">The view leaves the storage, or is larger than the whole file.</exception>
    internal static StoredTensor Create(MappedFile file, string name, DType dtype, ImmutableArray<long> shape, ImmutableArray<long> strides,
        long firstElement, long start, long length)
    {
        int size = dtype.Size();
        long available = length / size;
        long largest = Math.Max(file.Length, 1 << 20) / size;
        bool empty = shape.Contains(0);
        Int128 count = empty ? 0 : 1, last = firstElement;
        bool fits = firstElement >= 0 && (empty || firstElement < available);
        for (int d = 0; d < shape.Length && fits; d++)
        {
            fits = shape[d] >= 0 && strides[d] >= 0;
            count *= shape[d];
            if (!empty) { last += (Int128)(shape[d] - 1) * strides[d]; }
            fits &= count <= largest && last < Math.Max(available, empty ? long.MaxValue : 0);
        }
        if (!fits || shape.Length > MaxRank)
        {
            throw file.Fault(start, $"{Quote(name)} is ({string.Join(", ", shape.Take(8))}) {dtype} from element {firstElement}, "
                + $"which does not fit into its storage of {available} elements. The file is damaged or not a checkpoint.");
        }
        long offset = empty ? start : start + firstElement * size;
        return new StoredTensor(file, name, dtype, shape, strides, offset, (long)count);
    }

    /// <summary>Most dimensions a tensor may have; PyTorch's own limit.</summary>
    internal const int MaxRank = 64;

    bool HasRowMajorStrides()
    {
        if (Count == 0) { return true; }
        long expected = 1;
        for (int d = Shape.Length - 1; d >= 0; d--)
        {
            if (Shape[d] != 1 && Strides[d] != expected) { return false; }
            expected *= Shape[d];
        }
        return true;
    }
}
