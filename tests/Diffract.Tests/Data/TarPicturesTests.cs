using System.Formats.Tar;
using System.IO.Compression;
using Diffract.Data;

namespace Diffract.Tests.Data;

public class TarPicturesTests
{
    public static TheoryData<TarEntryFormat> Formats => [TarEntryFormat.V7, TarEntryFormat.Ustar, TarEntryFormat.Pax, TarEntryFormat.Gnu];

    [Theory, MemberData(nameof(Formats))]
    public void Archive_reads_as_the_folder_it_was_made_from(TarEntryFormat format)
    {
        using var tree = new PictureTree("train/cat/1.jpg", "train/dog/1.jpg", "test/cat/2.jpg");
        tree.Write("train/dog/2.jpg", GoldenPictures.ReadFile("pictures", "grey.jpg"));
        var folder = ImageFolder.Read(tree.Root);
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "pets.tar");
        Write(tar, format, folder.Items.Reverse().Select((item, i) => ("./" + item.Path, folder.ReadBytes(folder.Items.Count - 1 - i))));

        var set = PictureSet.Open(tar);
        Assert.Equal(folder.Items, set.Items);
        Assert.Equal(folder.ClassNames, set.ClassNames);
        for (int i = 0; i < set.Items.Count; i++) { Assert.Equal(folder.ReadBytes(i), set.ReadBytes(i)); }
        Assert.Empty(set.Warnings);
    }

    [Theory, InlineData(TarEntryFormat.Pax), InlineData(TarEntryFormat.Gnu), InlineData(TarEntryFormat.Ustar)]
    public void Long_names_are_read(TarEntryFormat format)
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "long.tar"), name = $"{new string('a', 90)}/{new string('ä', format == TarEntryFormat.Ustar ? 40 : 110)}.jpg";
        Write(tar, format, [(name, PictureTree.Jpeg), ("b/short.jpg", PictureTree.Jpeg)]);
        Assert.Equal([name, "b/short.jpg"], TarPictures.Read(tar).Items.Select(item => item.Path));
    }

    [Fact]
    public void Folder_around_the_splits_is_passed_over()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "a.tar");
        Write(tar, TarEntryFormat.Ustar, [("pets/train/cat/1.jpg", [1]), ("pets/test/cat/2.jpg", [2])]);
        var set = TarPictures.Read(tar);
        Assert.Equal([("test/cat/2.jpg", PictureSplit.Test), ("train/cat/1.jpg", PictureSplit.Train)], set.Items.Select(item => (item.Path, item.Split)));
        Assert.Equal([2], set.ReadBytes(0));
    }

    [Fact]
    public void Compressed_archive_is_expanded_once()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "a.tar"), compressed = Path.Combine(place.Root, "renamed.tar"), cache = Path.Combine(place.Root, "cache");
        Write(tar, TarEntryFormat.Ustar, [("cat/1.jpg", PictureTree.Jpeg), ("dog/1.jpg", PictureTree.Jpeg)]);
        Compress(File.ReadAllBytes(tar), compressed);

        var set = TarPictures.Read(compressed, cache);
        Assert.Equal(["cat/1.jpg", "dog/1.jpg"], set.Items.Select(item => item.Path));
        Assert.Equal(PictureTree.Jpeg, set.ReadBytes(1));
        string expanded = Assert.Single(Directory.GetFiles(cache));
        var written = File.GetLastWriteTimeUtc(expanded);

        TarPictures.Read(compressed, cache);
        Assert.Equal(expanded, Assert.Single(Directory.GetFiles(cache)));
        Assert.Equal(written, File.GetLastWriteTimeUtc(expanded));
    }

    [Fact]
    public void Compressed_archive_that_is_cut_or_expands_beyond_reason_is_refused_and_not_kept()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "a.tar"), cut = Path.Combine(place.Root, "cut.tar.gz"), bomb = Path.Combine(place.Root, "bomb.tar.gz"), cache = Path.Combine(place.Root, "cache");
        var random = new Random(1);
        var noise = new byte[40_000];
        random.NextBytes(noise);
        Write(tar, TarEntryFormat.Ustar, [("cat/1.jpg", noise), ("dog/1.jpg", noise)]);
        Compress(File.ReadAllBytes(tar), cut);
        File.WriteAllBytes(cut, File.ReadAllBytes(cut)[..50_000]);
        Compress(new byte[200 << 20], bomb);

        Assert.StartsWith(cut, Assert.Throws<PictureException>(() => TarPictures.Read(cut, cache)).Message);
        Assert.Contains("expands to more than", Assert.Throws<PictureException>(() => TarPictures.Read(bomb, cache)).Message);
        Assert.Empty(Directory.GetFiles(cache));
    }

    [Fact]
    public void Names_that_lead_outside_and_links_are_left_out()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "tricks.tar");
        using (var writer = new TarWriter(File.Create(tar), TarEntryFormat.Pax))
        {
            foreach (string name in (string[])["../../outside.jpg", "/etc/outside.jpg", "cat/../../outside.jpg", "cat/in.jpg"])
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(PictureTree.Jpeg) });
            }
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "cat/soft.jpg") { LinkName = "/etc/passwd" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "cat/hard.jpg") { LinkName = "cat/in.jpg" });
        }
        var set = TarPictures.Read(tar);
        Assert.Equal("cat/in.jpg", Assert.Single(set.Items).Path);
        Assert.Equal(["tricks.tar: 2 links are left out", "tricks.tar: 3 pictures whose names lead out of the archive are left out"], set.Warnings);
        Assert.Equal([tar], Directory.GetFileSystemEntries(place.Root));
    }

    // As GNU tar marks them in pax headers; and notes of file systems, which folders pass over, too.
    [Fact]
    public void Sparse_entries_and_names_with_a_dot_in_front_are_left_out()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "odd.tar");
        using (var writer = new TarWriter(File.Create(tar), TarEntryFormat.Pax))
        {
            void Add(string name, Dictionary<string, string> records) => writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name, records) { DataStream = new MemoryStream(PictureTree.Jpeg) });
            Add("cat/1.jpg", []);
            Add("GNUSparseFile.88/2.jpg", new() { ["GNU.sparse.major"] = "1", ["GNU.sparse.name"] = "cat/2.jpg" });
            Add("cat/.thumbs/3.jpg", []);
            Add(".cache/4.jpg", []);
        }
        var set = TarPictures.Read(tar);
        Assert.Equal("cat/1.jpg", Assert.Single(set.Items).Path);
        Assert.Equal(["odd.tar: 1 sparse entries are left out; pack them without --sparse"], set.Warnings);
    }

    [Fact]
    public void Truncated_archive_is_refused()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "a.tar");
        Write(tar, TarEntryFormat.Gnu, [("cat/1.jpg", PictureTree.Jpeg), ("dog/1.jpg", PictureTree.Jpeg)]);
        byte[] whole = File.ReadAllBytes(tar);
        File.WriteAllBytes(tar, whole[..2300]);
        Assert.Contains("truncated", Assert.Throws<PictureException>(() => TarPictures.Read(tar)).Message);
        File.WriteAllBytes(tar, whole[..3072]);                                          // the end mark alone is missing
        Assert.Contains("no end mark", Assert.Single(TarPictures.Read(tar).Warnings));
        File.WriteAllText(tar, "PK not an archive of this kind");
        Assert.Contains(tar, Assert.Throws<PictureException>(() => TarPictures.Read(tar)).Message);
    }

    [Fact]
    public void Damaged_headers_give_errors_and_no_memory()
    {
        using var place = new PictureTree();
        string tar = Path.Combine(place.Root, "a.tar");
        Write(tar, TarEntryFormat.Pax, [("cat/" + new string('n', 120) + ".jpg", PictureTree.Jpeg), ("dog/1.jpg", PictureTree.Jpeg)]);
        byte[] whole = File.ReadAllBytes(tar);
        var random = new Random(5);
        int errors = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int trial = 0; trial < 300; trial++)
        {
            byte[] damaged = [.. whole];
            int header = random.Next(3) * 512;                                           // extended header, its records, the file's own header
            for (int flips = 0; flips < 2; flips++) { damaged[header + random.Next(160)] ^= (byte)(1 << random.Next(8)); }
            foreach (int at in (int[])[0, 1024]) { FixChecksum(damaged, at); }
            File.WriteAllBytes(tar, damaged);
            try { TarPictures.Read(tar); }
            catch (PictureException) { errors++; }
        }
        Assert.InRange(errors, 1, 300);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 300 * 3 * whole.Length + (32 << 20));
    }

    static void FixChecksum(byte[] tar, int at)
    {
        "        "u8.CopyTo(tar.AsSpan(at + 148));
        int sum = tar.AsSpan(at, 512).ToArray().Sum(value => value);
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, at + 148);
    }

    static void Compress(byte[] bytes, string file)
    {
        using var to = new GZipStream(File.Create(file), CompressionLevel.Fastest);
        to.Write(bytes);
    }

    static void Write(string tar, TarEntryFormat format, IEnumerable<(string Name, byte[] Bytes)> files)
    {
        using var writer = new TarWriter(File.Create(tar), format);
        foreach (var (name, bytes) in files)
        {
            var data = new MemoryStream(bytes);
            writer.WriteEntry(format switch
            {
                TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name) { DataStream = data },
                TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
                TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
                _ => new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
            });
        }
    }
}
