using System.Collections;
using System.Globalization;

namespace Diffract.Data;

/// <summary>The built-in pictures as a set: nothing is on disk, each is rendered when it is read.</summary>
public static class BuiltInSet
{
    public const string Prefix = "builtin:";

    /// <summary>Opens "builtin:train=2000,test=1000,size=32,seed=7"; what is left out takes these values but test, which is then 0.</summary>
    /// <exception cref="PictureException">Another text.</exception>
    public static PictureSet Parse(string text)
    {
        var values = new Dictionary<string, long> { ["train"] = 2000, ["test"] = 0, ["size"] = 32, ["seed"] = 7, ["first"] = 0 };
        foreach (var part in text[Prefix.Length..].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var pair = part.Split('=');
            if (pair.Length != 2 || !values.ContainsKey(pair[0]) || !long.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                throw new PictureException($"'{text}': '{part}' is not understood; expected {Prefix}train=2000,test=1000,size=32,seed=7,first=0");
            }
            values[pair[0]] = value;
        }
        if (values["size"] is < BuiltInPictures.SmallestSize or > BuiltInPictures.LargestSize || values["train"] + values["test"] is < 1 or > 100_000_000)
        {
            throw new PictureException($"'{text}': sizes are {BuiltInPictures.SmallestSize} to {BuiltInPictures.LargestSize} pixels, and there must be 1 to 100,000,000 pictures");
        }
        return Make((ulong)values["seed"], values["first"], (int)values["train"], (int)values["test"], (int)values["size"]);
    }

    /// <param name="seed">Of the pictures.</param> <param name="first">Index of the first.</param>
    /// <param name="train">Training pictures, which come first.</param> <param name="test">Test pictures after them; 0 leaves the set without splits.</param> <param name="size">Their side.</param>
    public static PictureSet Make(ulong seed, long first, int train, int test, int size)
    {
        var pictures = new BuiltInPictures(seed);
        var items = new Items(pictures, first, train, test);
        return new(string.Create(CultureInfo.InvariantCulture, $"{Prefix}train={train},test={test},size={size},seed={seed},first={first}"), BuiltInPictures.ClassNames, items, [], index =>
        {
            var rgb = new byte[3 * size * size];
            pictures.RenderRgb(first + index, size, rgb);
            return Ppm.Encode(new Picture(size, size, rgb));
        });
    }

    sealed class Items(BuiltInPictures pictures, long first, int train, int test) : IReadOnlyList<PictureItem>
    {
        public int Count => train + test;

        public PictureItem this[int index]
        {
            get
            {
                var label = pictures.ClassOf(first + index);
                var split = test == 0 ? PictureSplit.None : index < train ? PictureSplit.Train : PictureSplit.Test;
                return new(string.Create(CultureInfo.InvariantCulture, $"{BuiltInPictures.ClassNames[label]}/{first + index:d8}.ppm"), label, split);
            }
        }

        public IEnumerator<PictureItem> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
