using System.Collections;

namespace Diffract.Data;

/// <summary>A list whose items are computed when they are asked for.</summary>
sealed class LazyList<T>(int count, Func<int, T> at) : IReadOnlyList<T>
{
    public int Count => count;

    public T this[int index] => at(index);

    public IEnumerator<T> GetEnumerator() => Enumerable.Range(0, count).Select(at).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
