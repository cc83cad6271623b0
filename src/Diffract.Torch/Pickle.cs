using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using static Diffract.Torch.CheckpointException;

namespace Diffract.Torch;

/// <summary>
/// Reads one pickle (protocols 2 to 5) by the few instructions that torch.save writes. It can build lists, tuples, dicts, plain values and what
/// <see cref="PickleGlobals"/> lists, nothing else: no name of the file is ever looked up or run. Nesting costs no stack; memory is in proportion to the
/// bytes read.
/// </summary>
sealed class Pickle
{
    /// <summary>Largest pickle. A state dict takes some hundred bytes a tensor.</summary>
    const int MaxLength = 16 << 20;

    static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    readonly MappedFile _file;
    readonly long _start, _end;
    readonly List<object?> _stack = [], _memo = [];
    readonly List<int> _marks = [];
    readonly Dictionary<string, PickleStorage> _storages = [];
    long _at;

    Pickle(MappedFile file, long start, long end) => (_file, _start, _at, _end) = (file, start, start, Math.Min(end, start + MaxLength));

    /// <summary>Reads the pickle that starts at byte <paramref name="at"/> and moves at behind it.</summary>
    /// <param name="storages">The storages it points to, by key; the first where one key is used for several.</param>
    /// <exception cref="CheckpointException">It runs over <paramref name="end"/>, is damaged, or names what is not allowed.</exception>
    public static object? Read(MappedFile file, ref long at, long end, out IReadOnlyDictionary<string, PickleStorage> storages)
    {
        var pickle = new Pickle(file, at, end);
        object? value = pickle.Run();
        at = pickle._at;
        storages = pickle._storages;
        return value;
    }

    object? Run()
    {
        if (Byte() != 0x80 || Byte() is < 2 or > 5) { throw Fault("no pickle of protocol 2 to 5 starts here. Save the file with a current PyTorch."); }
        while (true)
        {
            byte instruction = Byte();
            switch ((char)instruction)
            {
                case '.': return Pop();                                                                // STOP
                case '(': _marks.Add(_stack.Count); break;                                             // MARK
                case '0': PopOrMark(); break;                                                          // POP
                case '1': PopToMark(); break;                                                          // POP_MARK
                case '2': Push(Top()); break;                                                          // DUP
                case 'N': Push(null); break;                                                           // NONE
                case '\x88': Push(true); break;                                                        // NEWTRUE
                case '\x89': Push(false); break;                                                       // NEWFALSE
                case 'K': Push((long)Byte()); break;                                                   // BININT1
                case 'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;         // BININT2
                case 'J': Push((long)Int32()); break;                                                  // BININT
                case '\x8a': Push(Integer(Take(Byte()))); break;                                       // LONG1
                case 'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;                  // BINFLOAT
                case 'X': Push(Text(Take(Int32()))); break;                                            // BINUNICODE
                case '\x8c': Push(Text(Take(Byte()))); break;                                          // SHORT_BINUNICODE
                case 'T': Push(Encoding.Latin1.GetString(Take(Int32()))); break;                       // BINSTRING
                case 'U': Push(Encoding.Latin1.GetString(Take(Byte()))); break;                        // SHORT_BINSTRING
                case 'B': Push(Take(Int32()).ToArray()); break;                                        // BINBYTES
                case 'C': Push(Take(Byte()).ToArray()); break;                                         // SHORT_BINBYTES
                case ')': Push(Array.Empty<object?>()); break;                                         // EMPTY_TUPLE
                case '\x85': Push(PopMany(1)); break;                                                  // TUPLE1
                case '\x86': Push(PopMany(2)); break;                                                  // TUPLE2
                case '\x87': Push(PopMany(3)); break;                                                  // TUPLE3
                case 't': Push(PopToMark()); break;                                                    // TUPLE
                case ']': Push(new List<object?>()); break;                                            // EMPTY_LIST
                case 'a': Append([Pop()]); break;                                                      // APPEND
                case 'e': Append(PopToMark()); break;                                                  // APPENDS
                case '}': Push(new PickleDict()); break;                                               // EMPTY_DICT
                case 's': SetItems(PopMany(2)); break;                                                 // SETITEM
                case 'u': SetItems(PopToMark()); break;                                                // SETITEMS
                case 'q': Remember(Byte()); break;                                                     // BINPUT
                case 'r': Remember(Int32()); break;                                                    // LONG_BINPUT
                case '\x94': Remember(_memo.Count); break;                                             // MEMOIZE
                case 'h': Recall(Byte()); break;                                                       // BINGET
                case 'j': Recall(Int32()); break;                                                      // LONG_BINGET
                case '\x95': Take(8); break;                                                           // FRAME: lengths of buffers, of no use here
                case 'c': Push(Global(Line(), Line())); break;                                         // GLOBAL
                case '\x93': PushGlobal(); break;                                                      // STACK_GLOBAL
                case 'R': Reduce(); break;                                                             // REDUCE
                case '\x81': Reduce(); break;                                                          // NEWOBJ
                case 'b': Build(); break;                                                              // BUILD
                case 'Q': Push(Persistent(Pop())); break;                                              // BINPERSID
                default: throw Fault($"instruction 0x{instruction:x2} is not among those a state dict needs. The file is damaged or not a checkpoint "
                    + "of weights.");
            }
        }
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _end - _at) { throw Damaged($"the pickle ends before {count} more bytes"); }
        var bytes = _file.Bytes(_at, count, "the pickle");
        _at += count;
        return bytes;
    }

    byte Byte() => Take(1)[0];

    int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    static object Integer(ReadOnlySpan<byte> bytes)
    {
        var value = new BigInteger(bytes);
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Damaged("a string is not UTF-8");
        }
    }

    string Line()
    {
        var rest = _file.Bytes(_at, (int)Math.Min(_end - _at, 256), "a name");
        int length = rest.IndexOf((byte)'\n');
        if (length < 0) { throw Damaged("a name of more than 255 bytes"); }
        return Text(Take(length + 1)[..length]);
    }

    void Push(object? value) => _stack.Add(value);

    int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    object? Top() => _stack.Count > Floor ? _stack[^1] : throw Damaged("an instruction finds nothing to work on");

    object? Pop()
    {
        object? value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    void PopOrMark()
    {
        if (_marks.Count > 0 && _marks[^1] == _stack.Count) { _marks.RemoveAt(_marks.Count - 1); }
        else { Pop(); }
    }

    object?[] PopMany(int count)
    {
        if (_stack.Count - Floor < count) { throw Damaged("an instruction finds too little to work on"); }
        object?[] values = [.. _stack[^count..]];
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    object?[] PopToMark()
    {
        if (_marks.Count == 0) { throw Damaged("a mark is missing"); }
        object?[] values = PopMany(_stack.Count - _marks[^1]);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    void Append(object?[] values)
    {
        if (Top() is not List<object?> list) { throw Damaged("items for a list that is none"); }
        list.AddRange(values);
    }

    void SetItems(object?[] values)
    {
        if (Top() is not PickleDict dict || values.Length % 2 != 0) { throw Damaged("items for a dict that is none"); }
        AddItems(dict, values);
    }

    static void AddItems(PickleDict dict, object?[] values)
    {
        for (int i = 0; i < values.Length; i += 2) { dict.Items.Add((values[i], values[i + 1])); }
    }

    void Remember(int index)
    {
        object? value = Top();
        if (index < 0 || index > _at - _start) { throw Damaged($"memo {index} after {_at - _start} bytes"); }
        while (_memo.Count <= index) { _memo.Add(null); }
        _memo[index] = value;
    }

    void Recall(int index) => Push(index >= 0 && index < _memo.Count ? _memo[index] : throw Damaged($"there is no memo {index}"));

    void PushGlobal()
    {
        object?[] names = PopMany(2);
        Push(names is [string module, string name] ? Global(module, name) : throw Damaged("the name of a class is no text"));
    }

    object Global(string module, string name) => PickleGlobals.Find(module, name) ?? throw Fault(
        $"Diffract refuses to run {Quote($"{module}.{name}")} from a pickle: it is not among the few classes of a state dict. "
        + "Save only the weights (model.state_dict()), or convert the file to safetensors.");

    void Reduce()
    {
        object? arguments = Pop(), called = Pop();
        if (called is not PickleGlobal global || arguments is not object?[] values) { throw Damaged("a call of what is no function"); }
        Push(global.Call(values) ?? throw Damaged($"'{global.Name}' with arguments that torch.save does not write"));
    }

    void Build()
    {
        object? state = Pop();
        switch (Top(), state)
        {
            case (PickleDict { IsNamespace: true } space, PickleDict attributes): space.Items = attributes.Items; break;
            case (PickleDict { IsNamespace: false }, _): break;                                        // a state dict's _metadata: versions of modules
            case (PickleNumpyType type, object?[] values) when values is [_, string order, ..]: type.BigEndian = order == ">"; break;
            default: throw Fault("attributes for an object that has none. The file is damaged or not a checkpoint of weights.");
        }
    }

    object Persistent(object? id)
    {
        // ('storage', class, key, device, count); the old container adds a view, which only PyTorch before 0.4 used
        if (id is object?[] values && values is ["storage", PickleStorageType type, string key, string, long count, ..] && count >= 0
            && (values.Length == 5 || (values.Length == 6 && values[5] is null)))
        {
            var storage = new PickleStorage(key, type.Element, count);
            if (_storages.TryAdd(key, storage)) { return storage; }
            return _storages[key] == storage ? _storages[key] : storage;
        }
        throw Fault("a reference to something other than a storage. The file is damaged, or from PyTorch before 0.4: save it anew.");
    }

    CheckpointException Damaged(string found) => _file.Damaged(_at, "in the pickle: " + found + ".");

    CheckpointException Fault(string found) => _file.Fault(_at, "in the pickle: " + found);
}
