using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Diffract.Data;

/// <summary>Which pictures of a set train, validate and test.</summary>
/// <param name="Train">Indices into the set's items, ascending.</param> <param name="Validation">Likewise; may be empty.</param> <param name="Test">Likewise.</param>
/// <param name="Decision">How the test pictures were chosen, one sentence for result files.</param>
/// <param name="Warnings">What a person should know, beside the set's own warnings.</param>
public sealed record ResolvedSplits(
    PictureSet Set, IReadOnlyList<int> Train, IReadOnlyList<int> Validation, IReadOnlyList<int> Test, string Decision, IReadOnlyList<string> Warnings);

/// <summary>Chooses the splits of a labelled set.</summary>
public static class Splits
{
    /// <summary>
    /// The set's own splits; where it has no test part, its validation pictures are the test pictures; where it has neither,
    /// a part of every class is set aside. That choice depends on the seed and each picture's path alone, so a picture added later moves few others.
    /// </summary>
    /// <param name="test">The test pictures, where they lie elsewhere; they take the place of the set's own.</param>
    /// <param name="fraction">Of each class, 0 to 1; at least one picture is set aside and one is left, classes of one picture are left whole.</param>
    /// <exception cref="PictureException">There are no labelled training or test pictures, a class is tested that is never trained, or a training or test part that the set declares has no
    /// labelled pictures: others set aside in its place would give a figure of something else. A validation part without them is a warning where there is a test part.</exception>
    public static ResolvedSplits Resolve(PictureSet set, PictureSet? test = null, ulong seed = 0, double fraction = 0.2)
    {
        if (!(fraction is > 0 and < 1)) { throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "must lie between 0 and 1"); }
        var all = test is null ? set : set.WithTest(test);
        var warnings = all.Warnings.Except(set.Warnings).ToList();
        int unlabelled = all.Items.Count(item => item.Class < 0);
        if (unlabelled == all.Items.Count) { throw new PictureException($"{all.Name}: none of its {unlabelled} pictures has a label; put them into one folder a class"); }
        bool isTested = all.Items.Any(item => item.Class >= 0 && item.Split == PictureSplit.Test);
        foreach (var declared in all.Declared.Where(declared => !HasLabels(all, declared)))
        {
            if (declared.Split != PictureSplit.Validation || !isTested) { throw new PictureException($"{all.Name}: {Lack(all, declared)} {declared.Remedy}"); }
            warnings.Add($"{all.Name}: {Lack(all, declared)} What it would have decided is decided on held-out training pictures.");
        }
        if (unlabelled > 0) { warnings.Add($"{all.Name}: {unlabelled} pictures without label are left out of training and testing"); }

        var train = Of(PictureSplit.Train, PictureSplit.None);
        var validation = Of(PictureSplit.Validation);
        var tested = Of(PictureSplit.Test);
        string decision, part = set.Layout is null || set.Layout == DataLayout.Folders.Name ? "folder" : "part";
        if (tested.Count > 0)
        {
            decision = test is null
                ? $"Tested on the {tested.Count} pictures of the set's own test {part}."
                : $"Tested on the {tested.Count} pictures of {test.Name}, given as the test set.";
        }
        else if (validation.Count > 0)
        {
            decision = $"The set has no test {part}: tested on the {validation.Count} pictures of its validation {part}, which are used for nothing else.";
            (tested, validation) = (validation, []);
        }
        else
        {
            tested = SetAside(all, train, seed, fraction);
            train = [.. train.Except(tested)];
            decision = FormattableString.Invariant($"The set has no test {part}: {tested.Count} of its {tested.Count + train.Count} pictures were set aside for testing, {fraction:P0} of each class, chosen by seed {seed}.");
        }
        Check(all, train, validation, tested, warnings);
        return new ResolvedSplits(all, train, validation, tested, decision, warnings);

        List<int> Of(params PictureSplit[] splits) => [.. Enumerable.Range(0, all.Items.Count).Where(i => all.Items[i].Class >= 0 && splits.Contains(all.Items[i].Split))];
    }

    /// <summary>A part of every class, chosen by hash of seed and path: at least one picture, at most all but one; none of a class of one.</summary>
    /// <param name="from">Indices of labelled items.</param> <returns>Ascending indices.</returns>
    public static List<int> SetAside(PictureSet set, IEnumerable<int> from, ulong seed, double fraction)
    {
        return [.. from.GroupBy(i => set.Items[i].Class).SelectMany(Part).Order()];

        IEnumerable<int> Part(IGrouping<int, int> pictures)
        {
            int[] ranked = [.. pictures.OrderBy(i => Rank(seed, set.Items[i].Path)).ThenBy(i => i)];
            return ranked.Take(ranked.Length < 2 ? 0 : Math.Clamp((int)Math.Round(ranked.Length * fraction), 1, ranked.Length - 1));
        }
    }

    static ulong Rank(ulong seed, string path)
    {
        byte[] text = [.. new byte[8], .. Encoding.UTF8.GetBytes(path)];
        BinaryPrimitives.WriteUInt64LittleEndian(text, seed);
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(text));
    }

    static bool HasLabels(PictureSet set, DeclaredSplit declared) => set.Items.Any(item => item.Split == declared.Split && item.Class >= 0);

    static string Lack(PictureSet set, DeclaredSplit declared) => set.Items.Count(item => item.Split == declared.Split) is > 0 and var pictures
        ? $"{declared.Where} has {pictures} pictures without label and none with." : $"{declared.Where} has no pictures.";

    static void Check(PictureSet set, List<int> train, List<int> validation, List<int> test, List<string> warnings)
    {
        if (train.Count == 0) { throw new PictureException($"{set.Name}: there are no labelled training pictures. Put them into train/, one folder a class; to test a trained head on these pictures give them as test pictures alone (--test DIR without --data)."); }
        if (test.Count == 0) { throw new PictureException($"{set.Name}: no picture can be set aside for testing, since every class has only one; give test pictures"); }
        var trained = train.Select(i => set.Items[i].Class).ToHashSet();
        string[] strange = [.. test.Concat(validation).Select(i => set.Items[i].Class).Distinct().Where(label => !trained.Contains(label)).Order().Select(label => set.ClassNames[label])];
        if (strange.Length > 0)
        {
            throw new PictureException($"{set.Name}: {Listed(strange)} is tested but has no training pictures. Class folders must have the same names in every split; rename, fill or remove it.");
        }
        var seen = test.Select(i => set.Items[i].Class).ToHashSet();
        string[] untested = [.. trained.Where(label => !seen.Contains(label)).Order().Select(label => set.ClassNames[label])];
        if (untested.Length > 0) { warnings.Add($"{set.Name}: {Listed(untested)} has no test pictures"); }
    }

    static string Listed(string[] names) => $"class {string.Join(", ", names.Take(5).Select(name => $"'{name}'"))}{(names.Length > 5 ? $" and {names.Length - 5} more" : "")}";
}
