using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Diffract.Torch;

/// <summary>
/// A handle to an at::Tensor. It is freed with the <see cref="TensorScope"/> it was made in; made outside of any scope,
/// or kept by <see cref="Keep"/>, it is its owner's to dispose.
/// </summary>
public sealed unsafe partial class Tensor : SafeHandle
{
    internal TensorScope? Scope;
    NativeTensorInfo _info;
    bool _hasInfo;

    internal Tensor(nint handle) : base(0, ownsHandle: true)
    {
        SetHandle(handle);
        TensorScope.Register(this);
    }

    public override bool IsInvalid => handle == 0;

    internal nint Handle => IsClosed ? throw new ObjectDisposedException(nameof(Tensor), "The tensor's scope has ended; keep it with scope.Return(tensor) or tensor.Keep().") : handle;

    protected override bool ReleaseHandle()
    {
        Native.diffract_free_tensor(handle);
        return true;
    }

    // ---- What it is.

    ref NativeTensorInfo Info
    {
        get
        {
            if (!_hasInfo)
            {
                fixed (NativeTensorInfo* info = &_info)
                {
                    Native.Check(Native.diffract_tensor_info(Handle, info), "tensor");
                }
                _hasInfo = true;
            }
            return ref _info;
        }
    }

    /// <summary>Sizes of all dimensions.</summary>
    public long[] Shape => new ReadOnlySpan<long>(Unsafe.AsPointer(ref Info.Sizes[0]), Info.Dimensions).ToArray();

    public long[] Strides => new ReadOnlySpan<long>(Unsafe.AsPointer(ref Info.Strides[0]), Info.Dimensions).ToArray();

    public int Dimensions => Info.Dimensions;

    /// <summary>Size of one dimension; negative counts from the last.</summary>
    public long Size(int dimension) => Info.Sizes[dimension < 0 ? dimension + Info.Dimensions : dimension];

    /// <summary>Elements in all.</summary>
    public long Elements => Info.Elements;

    public DType DType => (DType)Info.DType;

    public Device Device => Info.Device == 0 ? Device.Cpu : Device.Cuda(Info.DeviceIndex);

    /// <summary>For errors: "(4, 3, 32, 32) float32".</summary>
    public override string ToString() => IsClosed ? "(freed)" : $"({string.Join(", ", Shape)}) {DType}{(Device.IsCpu ? "" : " " + Device)}";

    // ---- Lifetime.

    /// <summary>Takes the tensor out of its scope; it is then the caller's to dispose.</summary>
    public Tensor Keep()
    {
        Scope = null;
        return this;
    }

    /// <summary>A second handle to the same tensor, of the current scope.</summary>
    public Tensor Alias()
    {
        Native.Check(Native.diffract_alias(Handle, out var result), "alias");
        return new Tensor(result);
    }

    // ---- From and to memory.

    /// <summary>A tensor with a copy of the values.</summary>
    public static Tensor From<T>(ReadOnlySpan<T> values, params long[] shape) where T : unmanaged
    {
        var tensor = Aten.Empty(shape.Length == 0 ? [values.Length] : shape, DTypeOf<T>());
        values.CopyTo(tensor.Span<T>());
        return tensor;
    }

    public static Tensor From<T>(T[] values, params long[] shape) where T : unmanaged => From((ReadOnlySpan<T>)values, shape);

    /// <summary>A tensor over memory of somebody else, which must outlive it. Nothing is copied.</summary>
    public static Tensor Over(nint data, DType type, long[] shape, long[] strides)
    {
        fixed (long* sizes = shape, steps = strides)
        {
            Native.Check(Native.diffract_tensor_over(data, sizes, steps, shape.Length, (int)type, null, 0, out var result), "from_blob");
            return new Tensor(result);
        }
    }

    /// <summary>The elements of a contiguous tensor in the host's memory; valid as long as the tensor.</summary>
    /// <exception cref="TorchException">The tensor is elsewhere, not contiguous, or of another type.</exception>
    public Span<T> Span<T>() where T : unmanaged
    {
        ref var info = ref Info;
        if (info.Elements == 0)
        {
            return [];
        }
        if (info.Data == 0 || !IsContiguous || Unsafe.SizeOf<T>() != DType.Size())
        {
            throw new TorchException($"{this}, strides [{string.Join(", ", Strides)}]: its memory cannot be read as contiguous {typeof(T).Name}; use ToArray");
        }
        return new Span<T>((void*)info.Data, checked((int)info.Elements));
    }

    /// <summary>Address of the first element in the host's memory; 0 for a tensor elsewhere.</summary>
    public nint Data => Info.Data;

    /// <summary>The elements in row-major order, copied; converted where T is of another type.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        using var scope = new TensorScope();
        return Detach().To(Device.Cpu).To(DTypeOf<T>()).Contiguous().Span<T>().ToArray();
    }

    /// <summary>Row-major without gaps.</summary>
    public bool IsContiguous
    {
        get
        {
            ref var info = ref Info;
            var expected = 1L;
            for (var i = info.Dimensions - 1; i >= 0; i--)
            {
                if (info.Sizes[i] != 1 && info.Strides[i] != expected)
                {
                    return false;
                }
                expected *= info.Sizes[i];
            }
            return true;
        }
    }

    /// <summary>The value of a tensor of one element. Waits for the device.</summary>
    public double Item() => Dispatcher.CallNumber("aten::_local_scalar_dense", this);

    static DType DTypeOf<T>() => typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(Half) ? DType.Float16
        : throw new ArgumentException($"{typeof(T).Name} is no element type");

    // ---- Gradients.

    public bool RequiresGrad
    {
        get => Native.diffract_requires_grad(Handle, -1) == 1;
        set
        {
            if (Native.diffract_requires_grad(Handle, value ? 1 : 0) < 0)
            {
                throw new TorchException($"requires_grad of {this}: {Native.LastError()}");
            }
        }
    }

    /// <summary>The gradient that <see cref="Backward"/> has left here; null where there is none.</summary>
    public Tensor? Grad
    {
        get
        {
            Native.Check(Native.diffract_grad(Handle, out var result), "grad");
            return result == 0 ? null : new Tensor(result);
        }
    }

    public void ClearGrad() => Native.Check(Native.diffract_clear_grad(Handle), "clear_grad");

    /// <summary>Adds d this / d leaf to the gradient of every leaf that requires one.</summary>
    /// <param name="gradient">Weights of the elements, of this shape; may be left out for a scalar.</param>
    /// <param name="keepGraph">True where a second backward pass will follow.</param>
    public void Backward(Tensor? gradient = null, bool keepGraph = false) =>
        Native.Check(Native.diffract_backward(Handle, gradient?.Handle ?? 0, keepGraph ? 1 : 0), $"backward from {this}");
}
