using Diffract.Data;

namespace Diffract.Tests.Data;

public class MatFileTests
{
    [Theory, InlineData("scipy_plain.mat"), InlineData("scipy_zlib.mat")]
    public void What_scipy_wrote_is_read(string file)
    {
        var mat = MatFile.Parse(GoldenPictures.ReadFile("mat", file), file);
        Assert.Equal([77, 1, 102, 300], mat.Integers("labels"));
        Assert.Equal([-1.5, 3e10, 2, -7], mat.Get<MatNumbers>("minus").Values);          // column by column
        Assert.Equal([1L << 40], mat.Get<MatNumbers>("big").Values);
        Assert.Equal([0.25], mat.Get<MatNumbers>("single").Values);
        Assert.Equal([-3, 5], mat.Get<MatNumbers>("small").Values);
        Assert.Equal([1, 0], mat.Get<MatNumbers>("flag").Values);
        Assert.Equal([1], mat.Get<MatNumbers>("complex").Values);
        Assert.Empty(mat.Get<MatNumbers>("empty").Values);
        Assert.Equal("plain text", mat.Get<MatText>("text").Characters);
        Assert.Equal(["n02085620-Chihuahua/n02085620_10074.jpg", "n02096294-Australian_terrier/ä_1.jpg"], mat.Texts("file_list"));
        Assert.Equal(["00001.jpg", "00002.jpg", "00003.jpg"], mat.Texts("annotations", "fname"));
        Assert.Equal(["", "", ""], mat.Texts("annotations", "relative_im_path"));
        Assert.Equal([1, 2, 3], mat.Integers("annotations", "class"));
        Assert.Equal([39, 78, 117], mat.Integers("annotations", "bbox_x1"));
        var inner = Assert.IsType<MatStructs>(Assert.Single(mat.Get<MatStructs>("nested").Fields["a"]));
        Assert.Equal([5], Assert.IsType<MatNumbers>(Assert.Single(inner.Fields["b"])).Values);
    }

    [Theory, InlineData(false, false), InlineData(true, false), InlineData(false, true), InlineData(true, true)]
    public void Both_byte_orders_are_read_compressed_or_not(bool bigEndian, bool compressed)
    {
        var mat = MatFile.Parse(Sample(bigEndian, compressed), "a.mat");
        Assert.Equal([1, 1020, 65535], mat.Integers("trnid"));
        Assert.Equal([0.5, -2], mat.Get<MatNumbers>("reals").Values);
        Assert.Equal(["AM General Hummer SUV 2000", "", "Šk"], mat.Texts("class_names"));
        Assert.Equal(["00001.jpg", "00002.jpg"], mat.Texts("annotations", "fname"));
        Assert.Equal([14, 300], mat.Integers("annotations", "class"));
    }

    [Fact]
    public void Classes_of_no_use_are_passed_over_until_they_are_asked_for()
    {
        var mat = MatFile.Parse(GoldenPictures.ReadFile("mat", "scipy_sparse.mat"), "s.mat");
        Assert.Equal([1, 2], mat.Integers("labels"));
        Assert.Contains("3x3 a sparse matrix", Assert.Throws<PictureException>(() => mat.Get<MatNumbers>("s")).Message);
        Assert.Contains("no variable 'setid'; it holds labels, s", Assert.Throws<PictureException>(() => mat.Integers("setid")).Message);
    }

    [Fact]
    public void Numbers_and_texts_that_do_not_fit_are_named()
    {
        var mat = MatFile.Parse(Sample(), "a.mat");
        Assert.Equal("a.mat: 'reals' holds 0.5; a whole number is expected", Assert.Throws<PictureException>(() => mat.Integers("reals")).Message);
        Assert.Contains("has no field 'label'; it has class, fname", Assert.Throws<PictureException>(() => mat.Integers("annotations", "label")).Message);
        Assert.Contains("holds 1x9 text; one number is expected", Assert.Throws<PictureException>(() => mat.Integers("annotations", "fname")).Message);
        Assert.Contains("1x2 numbers", Assert.Throws<PictureException>(() => mat.Texts("reals")).Message);
    }

    [Fact]
    public void Other_formats_are_named()
    {
        byte[] hdf = [.. new byte[512], 0x89, .. "HDF\r\n\x1a\n"u8];
        byte[] matlab73 = [.. "MATLAB 7.3 MAT-file, Platform: GLNXA64"u8, .. new byte[600]];
        byte[] level4 = new byte[200];
        foreach (byte[] file in (byte[][])[hdf, matlab73]) { Assert.Contains("7.3", Error(file)); }
        Assert.Contains("-v7", Error(hdf));
        Assert.Contains("level 5", Error(level4));
        Assert.Contains("cut off", Error([]));
        Assert.Contains("cut off", Error(Sample()[..100]));
    }

    [Fact]
    public void Cut_files_are_refused_wherever_the_cut_is()
    {
        foreach (bool compressed in (bool[])[false, true])
        {
            byte[] whole = Sample(compressed: compressed);
            var ends = Ends(whole);
            for (int length = 0; length < whole.Length; length++)
            {
                if (!ends.Contains(length)) { Assert.StartsWith("a.mat: ", Error(whole[..length])); }
            }
        }
    }

    [Fact]
    public void Flipped_bits_give_one_error_or_a_file()
    {
        var random = new Random(3);
        int errors = 0, trials = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (bool bigEndian in (bool[])[false, true])
        {
            foreach (bool compressed in (bool[])[false, true])
            {
                byte[] whole = Sample(bigEndian, compressed);
                for (int trial = 0; trial < 400; trial++, trials++)
                {
                    byte[] damaged = [.. whole];
                    for (int flips = 0; flips < 1 + trial % 3; flips++) { damaged[random.Next(128, whole.Length)] ^= (byte)(1 << random.Next(8)); }
                    if (trial % 5 == 0) { random.NextBytes(damaged.AsSpan(random.Next(128, whole.Length - 8), 8)); }
                    try { MatFile.Parse(damaged, "a.mat"); }
                    catch (PictureException error)
                    {
                        Assert.StartsWith("a.mat: ", error.Message);
                        errors++;
                    }
                }
            }
        }
        Assert.InRange(errors, trials / 3, trials);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, trials * (256L << 10));   // no claim of gigabytes was believed
    }

    [Fact]
    public void Claims_beyond_the_file_take_no_memory()
    {
        var writer = new MatWriter();
        (byte Kind, int[] Dimensions, byte[] Body)[] claims =
        [
            (6, [int.MaxValue, int.MaxValue], []), (6, [int.MaxValue, 1], writer.Element(2, [1, 2])), (6, [1 << 30, 1 << 30, 1 << 30], []), (6, [-1, 4], writer.Element(2, [1])),
            (1, [50_000_000, 1], []), (4, [1, 1 << 30], writer.Element(4, [65, 0])), (2, [1, 100_000_000], [.. writer.Element(5, [8, 0, 0, 0]), .. writer.Element(1, "fname\0\0\0"u8.ToArray())]),
            (2, [1, 1], [.. writer.Element(5, [0, 0, 0, 0])]), (2, [1, 1], [.. writer.Element(5, [0, 0, 0, 127])]), (99, [1, 1], []),
        ];
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var (kind, dimensions, body) in claims) { Assert.StartsWith("a.mat: ", Error(new MatWriter().Raw("x", dimensions, kind, body).ToArray())); }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void Expansion_and_nesting_end()
    {
        byte[] bomb = new MatWriter(compressed: true).Raw("x", [1, 34_000_000], 6, new MatWriter().Element(2, new byte[34_000_000])).ToArray();
        Assert.InRange(bomb.Length, 0, 1 << 20);
        Assert.Contains("expand to more than 32 MiB", Error(bomb));
        byte[] cell = new MatWriter().Char("core");
        for (int depth = 0; depth < 40; depth++) { cell = new MatWriter().Raw("", [1, 1], 1, cell).ToArray()[128..]; }
        Assert.Contains("nested more than", Error(new MatWriter().Raw("x", [1, 1], 1, cell).ToArray()));
    }

    static byte[] Sample(bool bigEndian = false, bool compressed = false) => new MatWriter(bigEndian, compressed)
        .Row("trnid", 1, 1020, 65535).Numbers("reals", [1, 2], 0.5, -2).Texts("class_names", "AM General Hummer SUV 2000", "", "Šk")
        .Structs("annotations", ["class", "fname"], [14, "00001.jpg"], [300, "00002.jpg"]).ToArray();

    // Where a variable ends, a cut leaves a whole file behind.
    static HashSet<int> Ends(byte[] file)
    {
        HashSet<int> ends = [128];
        for (int at = 128; at < file.Length; ends.Add(at)) { at += 8 + BitConverter.ToInt32(file, at + 4); }
        return ends;
    }

    static string Error(byte[] file) => Assert.Throws<PictureException>(() => MatFile.Parse(file, "a.mat")).Message;
}
