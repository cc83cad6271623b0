namespace Diffract.Data;

/// <summary>The binary versions of CIFAR-10 and CIFAR-100: records of labels and 32 x 32 pixels, a plane of each colour after another.</summary>
/// <param name="labelBytes">Bytes before the pixels; the last of them is the class.</param> <param name="names">The file of class names.</param>
/// <remarks>Krizhevsky 2009.</remarks>
sealed class CifarLayout(string layout, string[] training, string test, string names, int labelBytes, ExpectedCounts expected)
{
    public static readonly CifarLayout
        Cifar10 = new("cifar10", ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"], "test_batch.bin", "batches.meta.txt", 1, ExpectedCounts.Cifar10),
        Cifar100 = new("cifar100", ["train.bin"], "test.bin", "fine_label_names.txt", 2, ExpectedCounts.Cifar100);

    const int Side = 32, Plane = Side * Side, BlockRecords = 1000;

    int Record => labelBytes + 3 * Plane;

    public string Needs => $"{names}, {training[0]}{(training.Length > 1 ? $" to {training[^1]}" : "")} and {test}";

    public bool Matches(SetFiles files) => files.Has(names) && (training.Any(files.Has) || files.Has(test));

    public PictureSet Read(SetFiles files)
    {
        string[] classes = [.. files.Lines(names).Select(line => line.Text)];
        var (items, places, warnings) = (new List<PictureItem>(), new List<(string File, int Record)>(), new List<string>());
        foreach (string file in training.Append(test))
        {
            if (!files.Has(file))
            {
                warnings.Add($"{files.Name}: {file} is missing");
                continue;
            }
            int record = 0;
            foreach (byte label in LabelsOf(files, file))
            {
                if (label >= classes.Length) { throw new PictureException($"{files.Name}/{file}: record {record} is of class {label}; {names} names {classes.Length}"); }
                items.Add(new($"{Path.GetFileNameWithoutExtension(file)}/{record:d5}.ppm", label, file == test ? PictureSplit.Test : PictureSplit.Train));
                places.Add((file, record++));
            }
        }
        if (items.Count == 0) { throw new PictureException($"{files.Name}: its files hold no pictures"); }
        return new PictureSet(files.Name, classes, items, [.. files.Warnings, .. warnings], i => Ppm.Encode(Picture(files, places[i].File, places[i].Record)))
        {
            Layout = layout, Expected = expected,
            Declared = [new(PictureSplit.Train, $"the training part ({training[0]}{(training.Length > 1 ? " ..." : "")})", "Unpack the whole archive."), new(PictureSplit.Test, $"the test part ({test})", "Unpack the whole archive, or give other test pictures (--test DIR).")],
        };
    }

    IEnumerable<byte> LabelsOf(SetFiles files, string file)
    {
        long length = files.Length(file);
        if (length % Record != 0) { throw new PictureException($"{files.Name}/{file}: {length} bytes are no whole number of records of {Record}; the file is cut off or of another format"); }
        var block = new byte[BlockRecords * Record];
        for (long at = 0; at < length; at += block.Length)
        {
            int count = (int)Math.Min(block.Length, length - at);
            files.ReadAt(file, at, block.AsSpan(0, count));
            for (int record = 0; record < count; record += Record) { yield return block[record + labelBytes - 1]; }
        }
    }

    Picture Picture(SetFiles files, string file, int record)
    {
        var planes = new byte[3 * Plane];
        files.ReadAt(file, (long)record * Record + labelBytes, planes);
        var picture = Data.Picture.Unwritten(Side, Side);
        for (int i = 0; i < picture.Rgb.Length; i++) { picture.Rgb[i] = planes[i % 3 * Plane + i / 3]; }
        return picture;
    }
}
