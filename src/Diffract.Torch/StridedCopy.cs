using System.Runtime.CompilerServices;

namespace Diffract.Torch;

/// <summary>Row-major copies of strided views. The caller has checked that the view lies in memory.</summary>
static unsafe class StridedCopy
{
    /// <summary>Copies <paramref name="count"/> elements of <paramref name="size"/> bytes, from number <paramref name="first"/> in row-major order.</summary>
    public static void Run(byte* source, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, int size, long first, byte* target, long count)
    {
        int inner = shape.Length - 1;
        Span<long> index = stackalloc long[shape.Length];
        long from = 0;
        for (int d = inner; d >= 0; d--)
        {
            (first, index[d]) = Math.DivRem(first, shape[d]);
            from += index[d] * strides[d];
        }
        while (count > 0)
        {
            long run = Math.Min(shape[inner] - index[inner], count);
            CopyRow(source + from * size, strides[inner], size, target, run);
            target += run * size;
            count -= run;
            from -= index[inner] * strides[inner];
            index[inner] = 0;
            for (int d = inner - 1; d >= 0; d--)
            {
                from += strides[d];
                if (++index[d] < shape[d]) { break; }
                from -= shape[d] * strides[d];
                index[d] = 0;
            }
        }
    }

    static void CopyRow(byte* source, long stride, int size, byte* target, long count)
    {
        if (stride == 1)
        {
            Buffer.MemoryCopy(source, target, count * size, count * size);
            return;
        }
        switch (size)
        {
            case 1: CopyElements<byte>(source, stride, target, count); break;
            case 2: CopyElements<ushort>(source, stride, target, count); break;
            case 4: CopyElements<uint>(source, stride, target, count); break;
            default: CopyElements<ulong>(source, stride, target, count); break;
        }
    }

    static void CopyElements<T>(byte* source, long stride, byte* target, long count) where T : unmanaged
    {
        for (long i = 0; i < count; i++)
        {
            T element = Unsafe.ReadUnaligned<T>(source + i * stride * sizeof(T));
            Unsafe.WriteUnaligned(target + i * sizeof(T), element);
        }
    }
}
