using System.Security.Cryptography;
using Diffract.Data;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// outcomes.safetensors beside a result: for each evaluated picture its hash (N, 16), label, predicted class (-1: none) and the rank of its
/// label (0: a hit), so that two results can be compared picture by picture.
/// </summary>
public sealed record PictureOutcomes(IReadOnlyList<ContentHash> Pictures, Outcomes Outcomes)
{
    public const string File = "outcomes.safetensors";

    /// <summary>SHA-256 over the sorted hashes and labels: equal where two results were tested on the same pictures, in whatever order.</summary>
    public string TestSha256 => Sha256(Pictures.Zip(Outcomes.Labels));

    /// <summary>Of rows of a store, in the order in which they were evaluated.</summary>
    public static PictureOutcomes Of(FeatureStore store, IReadOnlyList<int> rows, Outcomes outcomes) => new([.. rows.Select(store.HashOf)], outcomes);

    /// <inheritdoc cref="Of(FeatureStore, IReadOnlyList{int}, Outcomes)"/>
    public static PictureOutcomes Of(HeadSource source, IReadOnlyList<int> rows, Outcomes outcomes) => new([.. rows.Select(source.HashOf)], outcomes);

    /// <summary>As <see cref="TestSha256"/>, of pictures with labels.</summary>
    public static string Sha256(IEnumerable<(ContentHash Picture, long Label)> pictures)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (picture, label) in pictures.OrderBy(pair => pair.Picture.Value).ThenBy(pair => pair.Label))
        {
            hash.AppendData(System.Text.Encoding.ASCII.GetBytes($"{picture} {label}\n"));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Write(string path) => SafetensorsWriter.Write(path,
    [
        SafetensorsEntry.Of("hash", DType.UInt8, [Pictures.Count, 16], Pictures.SelectMany(picture => Convert.FromHexString(picture.ToString())).ToArray()),
        SafetensorsEntry.Of("label", [Pictures.Count], [.. Outcomes.Labels]),
        SafetensorsEntry.Of("predicted", [Pictures.Count], [.. Outcomes.Predicted]),
        SafetensorsEntry.Of("rank", [Pictures.Count], [.. Outcomes.Ranks]),
    ]);

    /// <exception cref="CheckpointException">The file is missing, damaged, or another one.</exception>
    public static PictureOutcomes Read(string path)
    {
        using var file = CheckpointFile.Open(path);
        var (labels, predicted, ranks, bytes) = (Values(file, "label"), Values(file, "predicted"), Values(file, "rank"), file.Get("hash").ToArray<byte>());
        if (predicted.Length != labels.Length || ranks.Length != labels.Length || bytes.Length != 16 * labels.Length)
        {
            throw new CheckpointException($"{path}: {bytes.Length / 16} hashes, {labels.Length} labels, {predicted.Length} predictions and {ranks.Length} ranks; expected as many of each. Make the result again.");
        }
        var outcomes = new Outcomes();
        for (var i = 0; i < labels.Length; i++)
        {
            outcomes.Add(labels[i], predicted[i], ranks[i]);
        }
        return new([.. Enumerable.Range(0, labels.Length).Select(i => new ContentHash(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(16 * i, 16))))], outcomes);
    }

    /// <summary>The two results picture by picture; null where they were not tested on the same pictures.</summary>
    public static PairedComparison? Compare(PictureOutcomes first, PictureOutcomes second)
    {
        if (first.TestSha256 != second.TestSha256)
        {
            return null;
        }
        static bool[] Ordered(PictureOutcomes one) => [.. one.Pictures.Zip(one.Outcomes.Labels, one.Outcomes.Hits).OrderBy(p => p.First.Value).ThenBy(p => p.Second).Select(p => p.Third)];
        return PairedComparison.Of(Ordered(first), Ordered(second));
    }

    static long[] Values(CheckpointFile file, string name) => file.Get(name) is { DType: DType.Int64 } stored ? stored.ToArray<long>()
        : throw new CheckpointException($"{file.Path}: '{name}' is {file.Get(name)}, expected int64. Is it an {File}?");
}
