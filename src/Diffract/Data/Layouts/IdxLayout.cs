using System.Buffers.Binary;
using System.Globalization;

namespace Diffract.Data;

/// <summary>MNIST, Fashion-MNIST and what has the same files: grey pictures and labels as arrays of bytes, gzip-compressed or not.</summary>
/// <remarks>LeCun et al. 1998; Xiao et al. 2017.</remarks>
static class IdxLayout
{
    public const string Needs = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each with or without .gz";

    const int MostSide = 4096;

    static readonly string[] Garments = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

    static readonly (string Part, PictureSplit Split)[] Parts = [("train", PictureSplit.Train), ("t10k", PictureSplit.Test)];

    public static bool Matches(SetFiles files) => Parts.Any(part => Find(files, Images(part.Part)) is not null);

    /// <param name="fashion">Null: garments where each of ten classes has the same number of training pictures, since digits are not so even.</param>
    public static PictureSet Read(SetFiles files, bool? fashion = null)
    {
        var (items, places, warnings) = (new List<PictureItem>(), new List<(IdxFile File, int Index)>(), new List<string>());
        foreach (var (part, split) in Parts)
        {
            if (Find(files, Images(part)) is not { } images)
            {
                warnings.Add($"{files.Name}: {Images(part)} is missing");
                continue;
            }
            var pixels = IdxFile.Open(files, images, dimensions: 3);
            byte[] labels = IdxFile.Open(files, Find(files, Labels(part)) ?? throw new PictureException($"{files.Name}: there is no {Labels(part)} (nor .gz) beside {images}"), dimensions: 1).ReadAll();
            if (labels.Length != pixels.Count) { throw new PictureException($"{files.Name}: {images} has {pixels.Count} pictures, {Labels(part)} {labels.Length} labels; they are of different sets, or one is damaged"); }
            for (int i = 0; i < labels.Length; i++)
            {
                items.Add(new($"{part}/{i:d5}.ppm", labels[i], split));
                places.Add((pixels, i));
            }
        }
        if (items.Count == 0) { throw new PictureException($"{files.Name}: its files hold no pictures"); }

        int classes = items.Max(item => item.Class) + 1;
        bool garments = fashion ?? IsEven(items, classes);
        if (garments && fashion is null) { warnings.Add($"{files.Name}: taken for Fashion-MNIST, since its ten classes are of one size; --layout mnist says otherwise"); }
        int[] empty = [.. Enumerable.Range(0, classes).Except(items.Select(item => item.Class).Distinct())];
        if (empty.Length > 0) { warnings.Add($"{files.Name}: labels run to {classes - 1}, and {empty.Length} of the {classes} classes have no pictures: {string.Join(", ", empty.Take(3))}{(empty.Length > 3 ? " ..." : "")}"); }
        string[] names = garments && classes <= Garments.Length ? Garments : [.. Enumerable.Range(0, classes).Select(label => label.ToString(CultureInfo.InvariantCulture))];
        return new PictureSet(files.Name, names, items, [.. files.Warnings, .. warnings], i => places[i].File.Picture(places[i].Index))
        {
            Declared = [.. Parts.Select(part => new DeclaredSplit(part.Split, $"the {part.Split.ToString().ToLowerInvariant()} part ({Images(part.Part)})", $"Put its files there, whole{(part.Split == PictureSplit.Test ? ", or give other test pictures (--test DIR)" : "")}."))],
            Layout = garments ? "fashion-mnist" : classes == Garments.Length ? "mnist" : "idx",
            Expected = garments ? ExpectedCounts.FashionMnist : classes == Garments.Length ? ExpectedCounts.Mnist : null,
        };
    }

    static bool IsEven(List<PictureItem> items, int classes)
    {
        var counts = items.Where(item => item.Split == PictureSplit.Train).CountBy(item => item.Class).Select(pair => pair.Value).ToList();
        return classes == Garments.Length && counts.Count == classes && counts.Distinct().Count() == 1;
    }

    static string Images(string part) => part + "-images-idx3-ubyte";

    static string Labels(string part) => part + "-labels-idx1-ubyte";

    static string? Find(SetFiles files, string name) => new[] { name, name + ".gz" }.FirstOrDefault(files.Has);

    /// <summary>An array of bytes: a magic number that holds type and rank, then the sizes, all big-endian, then the data.</summary>
    sealed record IdxFile(SetFiles Files, string Path, int Count, int Height, int Width, int Start)
    {
        const uint Bytes = 0x0800;

        public static IdxFile Open(SetFiles files, string path, int dimensions)
        {
            string name = $"{files.Name}/{path}";
            if (path.EndsWith(".gz", StringComparison.Ordinal)) { (files, path) = files.Expanded(path); }
            long length = files.Length(path);
            var header = new byte[4 + 4 * dimensions];
            if (length < header.Length) { throw new PictureException($"{name}: {length} bytes; its header alone should have {header.Length}"); }
            files.ReadAt(path, 0, header);
            uint magic = BinaryPrimitives.ReadUInt32BigEndian(header);
            if (magic != Bytes + dimensions) { throw new PictureException($"{name}: begins with {magic:X8}, not with {Bytes + dimensions:X8} as bytes in {dimensions} dimensions do"); }
            long[] sizes = [.. Enumerable.Range(1, dimensions).Select(i => (long)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4 * i)))];
            if (sizes[0] > int.MaxValue || sizes.Skip(1).Any(side => side is < 1 or > MostSide)) { throw new PictureException($"{name}: says it is {string.Join("x", sizes)}; sides of 1 to {MostSide} are read"); }
            long expected = header.Length + sizes.Aggregate((a, b) => a * b);
            return length == expected ? new(files, path, (int)sizes[0], dimensions > 1 ? (int)sizes[1] : 1, dimensions > 2 ? (int)sizes[2] : 1, header.Length)
                : throw new PictureException($"{name}: {length} bytes, where {string.Join("x", sizes)} need {expected}; the file is cut off or damaged");
        }

        public byte[] ReadAll()
        {
            if (Count > PictureSet.MostFileBytes) { throw new PictureException($"{Files.Name}/{Path}: {Count} labels; at most {PictureSet.MostFileBytes} are read"); }
            var bytes = new byte[Count];
            Files.ReadAt(Path, Start, bytes);
            return bytes;
        }

        public byte[] Picture(int index)
        {
            var grey = new byte[Height * Width];
            Files.ReadAt(Path, Start + (long)index * grey.Length, grey);
            var picture = Data.Picture.Unwritten(Width, Height);
            for (int i = 0; i < picture.Rgb.Length; i++) { picture.Rgb[i] = grey[i / 3]; }
            return Ppm.Encode(picture);
        }
    }
}
