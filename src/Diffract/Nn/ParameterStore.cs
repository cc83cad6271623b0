using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>
/// All parameters of one model under the checkpoint's own names. Modules fetch theirs by path: a new store makes them, a store over a
/// checkpoint reads them and notes what does not fit, which <see cref="Verify"/> then reports as a whole.
/// </summary>
public sealed class ParameterStore : IDisposable
{
    readonly OrderedDictionary<string, Tensor> _parameters = [];
    readonly OrderedDictionary<string, Tensor> _buffers = [];
    readonly IReadOnlyDictionary<string, StoredTensor>? _source;
    readonly Device _device;
    readonly List<string> _missing = [], _misshapen = [];

    ParameterStore(IReadOnlyDictionary<string, StoredTensor>? source, DType computeType, Device device) => (_source, ComputeType, _device) = (source, computeType, device);

    /// <summary>A store that makes its parameters anew, from libtorch's seeded generator, in the order they are asked for.</summary>
    /// <param name="computeType">As for <see cref="From"/>; what is trained wants float32.</param>
    public static ParameterStore New(Device? device = null, DType computeType = DType.Float32) => new(null, computeType, device ?? Device.Cpu);

    /// <summary>A store that reads from a checkpoint, which must stay open until the model is built.</summary>
    /// <param name="source">The state dict.</param> <param name="computeType">float32, or bfloat16 for the weights of products.</param> <param name="device">Where to put them.</param>
    public static ParameterStore From(IReadOnlyDictionary<string, StoredTensor> source, DType computeType = DType.Float32, Device? device = null) => new(source, computeType, device ?? Device.Cpu);

    /// <summary>The type of the weights of products, and so of the model's maps.</summary>
    public DType ComputeType { get; init; }

    public Device Device => _device;

    /// <summary>Forms of these weights that convolutions read.</summary>
    internal PackedWeights Packed { get; } = new();

    /// <summary>Bytes of such forms.</summary>
    public long PackedBytes => Packed.Bytes;

    public Params Root => new(this, "");

    /// <summary>What is trained, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters => _parameters;

    /// <summary>Parameters and buffers: what is saved.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> All => _parameters.Concat(_buffers);

    /// <summary>Number of trained values.</summary>
    public long Count => _parameters.Values.Sum(p => p.Elements);

    internal Tensor Get(string name, long[] shape, Init init, DType type) => Fetch(_parameters, name, shape, init, type);

    internal Tensor GetBuffer(string name, long[] shape, Init init, DType type) => Fetch(_buffers, name, shape, init, type);

    /// <summary>Switches gradients of all parameters on or off.</summary>
    public void RequireGrad(bool on)
    {
        foreach (var parameter in _parameters.Values)
        {
            parameter.RequiresGrad = on;
        }
    }

    /// <summary>Overwrites values in place, as a resumed run does.</summary>
    /// <exception cref="CheckpointException">A parameter is missing or of another shape.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> source)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        foreach (var (name, tensor) in All)
        {
            if (!source.TryGetValue(name, out var stored) || !stored.Shape.AsSpan().SequenceEqual(tensor.Shape))
            {
                throw new CheckpointException($"'{name}' is {(stored is null ? "missing" : stored.ToString())}, the model has {tensor}");
            }
            tensor.Copy_(stored.ToTensor());
        }
    }

    /// <summary>The file's entries for everything in the store.</summary>
    /// <param name="type">Floating-point values are converted to it; null keeps them.</param>
    public IEnumerable<SafetensorsEntry> ToEntries(DType? type = null) => All.Select(pair =>
    {
        var wanted = type is { } t && pair.Value.DType.IsFloatingPoint() ? t : pair.Value.DType;
        return new SafetensorsEntry(pair.Key, wanted, pair.Value.Shape, stream =>
        {
            using var scope = new TensorScope();
            pair.Value.Detach().To(wanted).ToEntry(pair.Key).Write(stream);
        });
    });

    /// <summary>Names what the model needs and the checkpoint lacks, what has another shape, and what nobody has read.</summary>
    /// <param name="where">The file, for the message.</param>
    /// <param name="mayStayUnread">Names that need not be read, such as those of blocks that are not built.</param>
    /// <param name="hint">The likely cause, from who knows the family; may be null.</param>
    /// <exception cref="CheckpointException">Something does not fit.</exception>
    public void Verify(string where, Func<string, bool>? mayStayUnread = null, Func<string?>? hint = null)
    {
        var unread = _source is null ? [] : _source.Keys.Where(name => !_parameters.ContainsKey(name) && !_buffers.ContainsKey(name) && mayStayUnread?.Invoke(name) != true).ToList();
        if (_missing.Count + _misshapen.Count + unread.Count == 0)
        {
            return;
        }
        var parts = new[] { List("missing", _missing), List("of another shape", _misshapen), List("not read", unread) }.OfType<string>();
        throw new CheckpointException($"{where} does not fit the model: {string.Join("; ", parts)}. {hint?.Invoke() ?? "Is this the right checkpoint, or does it need --config?"}");
    }

    public void Dispose()
    {
        foreach (var (_, tensor) in All)
        {
            tensor.Dispose();
        }
        Packed.Dispose();
    }

    static string? List(string what, List<string> names) => names.Count == 0 ? null
        : $"{names.Count} tensors {what}: {string.Join(", ", names.Take(5))}{(names.Count > 5 ? ", ..." : "")}";

    Tensor Fetch(OrderedDictionary<string, Tensor> into, string name, long[] shape, Init init, DType type)
    {
        if (into.TryGetValue(name, out var existing))
        {
            return existing.Shape.SequenceEqual(shape) ? existing
                : throw new InvalidOperationException($"'{name}' is asked for as ({string.Join(", ", shape)}) and is {existing}");
        }
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var tensor = _source is null ? Made(shape, init, type).To(type) : Read(_source, name, shape, type);
        tensor = tensor.To(_device).Keep();
        into.Add(name, tensor);
        return tensor;
    }

    static Tensor Made(long[] shape, Init init, DType type)
    {
        var tensor = Aten.Empty(shape, type.IsFloatingPoint() ? DType.Float32 : type);
        init(tensor);
        return tensor;
    }

    Tensor Read(IReadOnlyDictionary<string, StoredTensor> source, string name, long[] shape, DType type)
    {
        if (source.TryGetValue(name, out var stored) && stored.Shape.AsSpan().SequenceEqual(shape))
        {
            return stored.ToTensor().To(type);
        }
        if (stored is null)
        {
            _missing.Add(name);
        }
        else
        {
            _misshapen.Add($"{name} (is ({string.Join(", ", stored.Shape)}), the model needs ({string.Join(", ", shape)}))");
        }
        return Aten.Zeros([], type).Expand(shape);                                         // a stand-in without memory, until Verify is called
    }
}
