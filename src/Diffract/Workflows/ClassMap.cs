using Diffract.Data;

namespace Diffract.Workflows;

/// <summary>Classes of pictures among those that a head knows, by name: the pictures may have fewer, in another order.</summary>
static class ClassMap
{
    /// <summary>The place of each class in the head's order; -1 for one that the head does not know and no picture has.</summary>
    /// <param name="where">The store or set, for people.</param> <param name="labels">Classes of the pictures; -1: none.</param>
    /// <exception cref="PictureException">A picture has a class that the head does not know.</exception>
    public static int[] Of(string where, IReadOnlyList<string> classes, IReadOnlyList<string> known, IEnumerable<long> labels)
    {
        var places = known.Index().GroupBy(one => one.Item).ToDictionary(same => same.Key, same => same.First().Index);
        int[] map = classes.SequenceEqual(known) ? [.. Enumerable.Range(0, known.Count)] : [.. classes.Select(name => places.GetValueOrDefault(name, -1))]; // names may repeat
        string[] strange = [.. labels.Where(label => label >= 0 && map[label] < 0).Distinct().Order().Select(label => $"'{classes[(int)label]}'")];
        return strange.Length == 0 ? map
            : throw new PictureException($"{where} has {(strange.Length == 1 ? "a class" : $"{strange.Length} classes")} that the head does not know: {string.Join(", ", strange.Take(5))}{(strange.Length > 5 ? ", ..." : "")}. "
                + $"It knows {known.Count}: {string.Join(", ", known.Take(5).Select(name => $"'{name}'"))}{(known.Count > 5 ? ", ..." : "")}. Name the class folders as those of the training pictures were.");
    }
}
