using Diffract.Torch;

namespace Diffract.Models;

/// <summary>Names and shapes of a state dict, which may be anything: what is asked for and not there becomes an error that names it.</summary>
/// <param name="where">For errors: the file.</param>
sealed class WeightShapes(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, string where)
{
    public string Where => where;

    public IEnumerable<string> Names => shapes.Keys;

    public bool Has(string name) => shapes.ContainsKey(name);

    public bool HasUnder(string prefix) => shapes.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Size of a tensor along an axis, within what an int holds.</summary>
    /// <exception cref="CheckpointException">The tensor is missing, or has no such axis, or is empty there.</exception>
    public int Size(string name, int axis)
    {
        if (!shapes.TryGetValue(name, out var shape))
        {
            throw new CheckpointException($"{where}: its names are those of a U-Net of guided-diffusion, but '{name}' is missing. Is the file whole?");
        }
        return axis < shape.Count && shape[axis] is > 0 and <= 1 << 24 ? (int)shape[axis]
            : throw new CheckpointException($"{where}: '{name}' is ({string.Join(", ", shape)}), which no U-Net of guided-diffusion has");
    }

    /// <summary>How many of prefix.0., prefix.1. ... are there without a gap.</summary>
    public int CountBlocks(string prefix)
    {
        var numbers = new HashSet<int>();
        foreach (var name in Names)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name.IndexOf('.', prefix.Length + 1) is > 0 and var end
                && int.TryParse(name.AsSpan(prefix.Length + 1, end - prefix.Length - 1), out var number))
            {
                numbers.Add(number);
            }
        }
        return Enumerable.Range(0, numbers.Count).TakeWhile(numbers.Contains).Count();
    }
}
