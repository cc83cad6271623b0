namespace Diffract.Torch;

/// <summary>
/// Frees every tensor that was made inside it, on its thread, when it is disposed. Scopes nest;
/// <see cref="Return(Tensor)"/> hands one tensor to the enclosing scope (or to nobody, where there is none).
/// </summary>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic] static TensorScope? _current;

    readonly TensorScope? _outer = _current;
    readonly List<Tensor> _tensors = [];

    public TensorScope() => _current = this;

    internal static void Register(Tensor tensor)
    {
        if (_current is { } scope)
        {
            tensor.Scope = scope;
            scope._tensors.Add(tensor);
        }
    }

    /// <summary>Lets the tensor outlive this scope: it now belongs to the enclosing one.</summary>
    public Tensor Return(Tensor tensor)
    {
        if (tensor.Scope == this)
        {
            tensor.Scope = _outer;
            _outer?._tensors.Add(tensor);
        }
        return tensor;
    }

    /// <summary>Puts a kept tensor into the scope that encloses this one, where there is one.</summary>
    public Tensor Adopt(Tensor tensor)
    {
        tensor.Scope = _outer;
        _outer?._tensors.Add(tensor);
        return tensor;
    }

    public Tensor[] Return(Tensor[] tensors)
    {
        foreach (var tensor in tensors)
        {
            Return(tensor);
        }
        return tensors;
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors)
        {
            if (tensor.Scope == this)
            {
                tensor.Dispose();
            }
        }
        _tensors.Clear();
        _current = _outer;
    }
}
