using Diffract.Torch;

namespace Diffract.Optim;

/// <summary>An exponential moving average of parameters: what a diffusion model is used with.</summary>
public sealed class Ema : IDisposable
{
    readonly IReadOnlyList<KeyValuePair<string, Tensor>> _source;
    readonly List<KeyValuePair<string, Tensor>> _average;
    readonly double _decay;

    /// <param name="source">By name.</param> <param name="decay">Share of the old average that stays each step; the first steps forget faster.</param>
    public Ema(IEnumerable<KeyValuePair<string, Tensor>> source, double decay)
    {
        using var off = GradMode.Off();
        _decay = decay;
        _source = [.. source];
        _average = [.. _source.Select(pair => new KeyValuePair<string, Tensor>(pair.Key, pair.Value.Detach().Clone().Keep()))];
    }

    public IReadOnlyList<KeyValuePair<string, Tensor>> Average => _average;

    /// <param name="number">Steps taken before, from 0.</param>
    public void Update(long number)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var decay = Math.Min(_decay, (1.0 + number) / (10.0 + number));
        foreach (var (average, now) in _average.Zip(_source))
        {
            average.Value.Lerp_(now.Value, 1 - decay);
        }
    }

    public void Dispose() => _average.ForEach(pair => pair.Value.Dispose());
}
