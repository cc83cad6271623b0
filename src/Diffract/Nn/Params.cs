using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>A prefix into a <see cref="ParameterStore"/>: "input_blocks.3.0" and what lies below it.</summary>
public readonly record struct Params(ParameterStore Store, string Prefix)
{
    public Params this[string name] => new(Store, Path(name));

    public Params this[int index] => this[index.ToString()];

    /// <summary>A weight of a product (linear, convolution), in the store's compute type.</summary>
    /// <exception cref="InvalidOperationException">The name is asked for with two shapes.</exception>
    public Tensor Get(string name, long[] shape, Init init) => Store.Get(Path(name), shape, init, Store.ComputeType);

    /// <summary>A parameter that stays in full precision: norms, tokens, the time embedding.</summary>
    public Tensor GetFull(string name, long[] shape, Init init) => Store.Get(Path(name), shape, init, Store.ComputeType.Full());

    /// <summary>State that is saved with the parameters and not trained, such as running statistics.</summary>
    /// <param name="type">Null: full precision, as the norms have it.</param>
    public Tensor GetBuffer(string name, long[] shape, Init init, DType? type = null) => Store.GetBuffer(Path(name), shape, init, type ?? Store.ComputeType.Full());

    string Path(string name) => Prefix.Length == 0 ? name : $"{Prefix}.{name}";
}
