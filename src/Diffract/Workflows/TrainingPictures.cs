using System.Buffers.Binary;
using System.Diagnostics;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// trained-on.safetensors beside a head: the hash (N, 16) and label of each picture that it was trained on, so that a test can tell pictures that it has seen.
/// </summary>
public sealed record TrainingPictures(IReadOnlyList<ContentHash> Pictures, IReadOnlyList<long> Labels)
{
    public const string File = "trained-on.safetensors";

    /// <summary>As <see cref="PictureOutcomes.TestSha256"/>.</summary>
    public string Sha256 => PictureOutcomes.Sha256(Pictures.Zip(Labels));

    /// <summary>Of rows of a source; pictures that cannot be read had no part in the training. Files that have not been read yet are read for it.</summary>
    /// <param name="report">Called where it takes longer than a second.</param>
    public static TrainingPictures Of(HeadSource source, IReadOnlyList<int> rows, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var unreadable = source.Failures.Select(failure => failure.Path).ToHashSet();
        int[] read = [.. unreadable.Count == 0 ? rows : rows.Where(row => !unreadable.Contains(source.Files[row]))];
        var (clock, meter) = (Stopwatch.StartNew(), new ProgressMeter("look at the pictures' contents", "pictures", 0, read.Length, report));
        var hashes = new ContentHash[read.Length];
        for (var i = 0; i < read.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            hashes[i] = source.HashOf(read[i]);
            if (i % 64 == 63 && clock.Elapsed.TotalSeconds > 1)
            {
                meter.Report(i + 1);
            }
        }
        return new(hashes, [.. read.Select(row => source.Labels[row])]);
    }

    /// <summary>The test pictures that are among these, byte for byte.</summary>
    public TestOverlap In(PictureOutcomes test)
    {
        HashSet<ContentHash> trained = [.. Pictures];
        bool[] seen = [.. test.Pictures.Select(trained.Contains)];
        return new(seen.LongCount(isSeen => isSeen), test.Outcomes.Hits.Zip(seen).LongCount(pair => pair.First && pair.Second));
    }

    public void Write(string path) => SafetensorsWriter.Write(path,
    [
        SafetensorsEntry.Of("hash", DType.UInt8, [Pictures.Count, 16], Pictures.SelectMany(picture => Convert.FromHexString(picture.ToString())).ToArray()),
        SafetensorsEntry.Of("label", [Labels.Count], [.. Labels]),
    ]);

    /// <summary>Reads a file; null where it is not there, or is of another training than <paramref name="sha256"/> says.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static TrainingPictures? Read(string path, string sha256)
    {
        if (!System.IO.File.Exists(path))
        {
            return null;
        }
        using var file = CheckpointFile.Open(path);
        var (bytes, labels) = (file.Get("hash").ToArray<byte>(), file.Get("label").ToArray<long>());
        ContentHash[] hashes = [.. bytes.Chunk(16).Select(hash => new ContentHash(BinaryPrimitives.ReadUInt128BigEndian(hash)))];
        return hashes.Length == labels.Length && new TrainingPictures(hashes, labels) is var read && read.Sha256 == sha256 ? read : null;
    }
}

/// <summary>Test pictures whose files are among the training pictures, byte for byte.</summary>
/// <param name="Hits">Those of them that were told right.</param>
public sealed record TestOverlap(long Pictures, long Hits)
{
    /// <summary>A sentence for people; null where there is nothing to say.</summary>
    public string? Note(Score all)
    {
        var (rest, right) = (all.Pictures - Pictures, all.Top1Hits - Hits);
        return Pictures == 0 ? null : string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{Pictures:n0} of the {all.Pictures:n0} test pictures {(Pictures == 1 ? "is a training picture" : "are training pictures")}, too, byte for byte; {(rest == 0 ? "none is left without them" : $"without them top-1 is {100.0 * right / rest:f2} % ({right:n0} of {rest:n0})")}");
    }
}
