using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Diffract.Torch;

/// <summary>
/// Calls any operator by its name, with autograd and on every device. Arguments come in the order of the operator's schema;
/// those left out at the end take the schema's defaults.
/// </summary>
public static unsafe class Dispatcher
{
    const int MostResults = 16;
    static readonly ConcurrentDictionary<string, (byte[] Name, byte[] Overload)> Names = new();

    /// <summary>The first result, which must be a tensor.</summary>
    /// <param name="name">"aten::add.Tensor": name space, name and, after a dot, the overload.</param>
    /// <param name="arguments">As in the schema.</param>
    /// <exception cref="TorchException">There is no such operator, or it failed.</exception>
    public static Tensor Call(string name, params ReadOnlySpan<Value> arguments)
    {
        var results = stackalloc NativeValue[MostResults];
        var count = Invoke(name, arguments, results);
        return count == 1 && results[0].Kind == ValueKind.Tensor ? new Tensor((nint)results[0].Bits) : Take(results, count).First(t => t is not null)!;
    }

    /// <summary>All tensors of all results in order, those of lists too; an undefined tensor is null.</summary>
    /// <inheritdoc cref="Call"/>
    public static Tensor?[] CallAll(string name, params ReadOnlySpan<Value> arguments)
    {
        var results = stackalloc NativeValue[MostResults];
        return Take(results, Invoke(name, arguments, results));
    }

    /// <summary>A result that is a number or a truth value.</summary>
    /// <inheritdoc cref="Call"/>
    public static double CallNumber(string name, params ReadOnlySpan<Value> arguments)
    {
        var results = stackalloc NativeValue[MostResults];
        Invoke(name, arguments, results);
        return results[0].Kind == ValueKind.Double ? BitConverter.Int64BitsToDouble(results[0].Bits) : results[0].Bits;
    }

    /// <summary>Told of every call from C# with its name and the time it took on the host, for profiles; null: nobody. A GPU's work may still be under way.</summary>
    public static Action<string, TimeSpan>? Observer { get; set; }

    internal static (byte[] Name, byte[] Overload) Split(string name) => Names.GetOrAdd(name, static full =>
    {
        var dot = full.LastIndexOf('.');
        return dot < 0
            ? (Encoding.UTF8.GetBytes(full + '\0'), [0])
            : (Encoding.UTF8.GetBytes(full[..dot] + '\0'), Encoding.UTF8.GetBytes(full[(dot + 1)..] + '\0'));
    });

    static int Invoke(string name, ReadOnlySpan<Value> arguments, NativeValue* results)
    {
        var (operatorName, overload) = Split(name);
        var natives = stackalloc NativeValue[Math.Max(arguments.Length, 1)];
        var room = 0;
        foreach (ref readonly var argument in arguments)
        {
            room += Room(argument);
        }
        Span<long> lists = room <= 256 ? stackalloc long[256] : new long[room];
        int status, count;
        var observer = Observer;
        var start = observer is null ? 0 : Stopwatch.GetTimestamp();
        fixed (long* memory = lists)
        fixed (byte* n = operatorName, o = overload)
        {
            var free = memory;
            for (var i = 0; i < arguments.Length; i++)
            {
                natives[i] = Marshalled(arguments[i], ref free);
            }
            status = Native.diffract_call(n, o, natives, arguments.Length, results, MostResults, out count);
        }
        observer?.Invoke(name, Stopwatch.GetElapsedTime(start));
        foreach (ref readonly var argument in arguments)
        {
            GC.KeepAlive(argument.Reference);
        }
        if (status != 0)
        {
            var cause = Native.LastError();
            Free(results, count);
            throw new TorchException(Describe(name, arguments, cause));
        }
        return count;
    }

    // Eight-byte words that an argument needs beside its own entry.
    static int Room(in Value argument) => argument.Kind switch
    {
        ValueKind.IntList => ((long[])argument.Reference!).Length,
        ValueKind.DoubleList => ((double[])argument.Reference!).Length,
        ValueKind.TensorList => ((Tensor?[])argument.Reference!).Length,
        ValueKind.String => (Encoding.UTF8.GetMaxByteCount(((string)argument.Reference!).Length) + 7) / 8,
        _ => 0,
    };

    static NativeValue Marshalled(in Value argument, ref long* free)
    {
        var native = new NativeValue { Kind = argument.Kind, Bits = argument.Bits };
        switch (argument.Kind)
        {
            case ValueKind.Tensor:
                native.Bits = ((Tensor)argument.Reference!).Handle;
                break;
            case ValueKind.IntList:
                var integers = (long[])argument.Reference!;
                native = native with { Count = integers.Length, Bits = (nint)free };
                integers.CopyTo(new Span<long>(free, integers.Length));
                free += integers.Length;
                break;
            case ValueKind.DoubleList:
                var reals = (double[])argument.Reference!;
                native = native with { Count = reals.Length, Bits = (nint)free };
                reals.CopyTo(new Span<double>(free, reals.Length));
                free += reals.Length;
                break;
            case ValueKind.TensorList:
                var tensors = (Tensor?[])argument.Reference!;
                native = native with { Count = tensors.Length, Bits = (nint)free };
                foreach (var tensor in tensors)
                {
                    *free++ = tensor?.Handle ?? 0;
                }
                break;
            case ValueKind.String:
                var text = (string)argument.Reference!;
                var bytes = Encoding.UTF8.GetBytes(text, new Span<byte>(free, Encoding.UTF8.GetMaxByteCount(text.Length)));
                native = native with { Count = bytes, Bits = (nint)free };
                free += (bytes + 7) / 8;
                break;
        }
        return native;
    }

    static Tensor?[] Take(NativeValue* results, int count)
    {
        var tensors = new List<Tensor?>(count);
        for (var i = 0; i < count; i++)
        {
            switch (results[i].Kind)
            {
                case ValueKind.Tensor:
                    tensors.Add(new Tensor((nint)results[i].Bits));
                    break;
                case ValueKind.None:
                    tensors.Add(null);
                    break;
                case ValueKind.TensorList:
                    foreach (var handle in new ReadOnlySpan<nint>((void*)results[i].Bits, results[i].Count))
                    {
                        tensors.Add(handle == 0 ? null : new Tensor(handle));
                    }
                    Native.diffract_free_memory((nint)results[i].Bits);
                    break;
                case ValueKind.String:
                    Native.diffract_free_memory((nint)results[i].Bits);
                    break;
            }
        }
        return [.. tensors];
    }

    static void Free(NativeValue* results, int count)
    {
        foreach (var tensor in Take(results, count))
        {
            tensor?.Dispose();
        }
    }

    static string Describe(string name, ReadOnlySpan<Value> arguments, string cause)
    {
        var text = new StringBuilder(name).Append('(');
        for (var i = 0; i < arguments.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(arguments[i].ToString());
        }
        return text.Append("): ").Append(cause.ReplaceLineEndings(" ").Trim()).ToString();
    }
}
