using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A candidate of a head on held-out training pictures.</summary>
/// <param name="Head">Its place in the pass.</param> <param name="IsFinite">False where it has diverged.</param>
sealed record ComparedCandidate(int Head, double LearningRate, double WeightDecay, double HeldOutAccuracy, bool IsFinite);

/// <summary>What comparing candidates has shown, kept until all is done: a run that is stopped later does not compare again.</summary>
static class ComparedCandidates
{
    sealed record Record(string Sha256, IReadOnlyList<ComparedCandidate> Candidates);

    /// <summary>Those that a file holds; null where it is of another comparison, damaged, or not there.</summary>
    /// <param name="made">All that the comparison follows from.</param>
    public static IReadOnlyList<ComparedCandidate>? Read(string path, string made)
    {
        try
        {
            return File.Exists(path) && JsonSerializer.Deserialize<Record>(File.ReadAllBytes(path)) is { Candidates: { } candidates } record && record.Sha256 == Hash(made) ? candidates : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static void Write(string path, string made, IReadOnlyList<ComparedCandidate> candidates) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(new Record(Hash(made), candidates)));

    static string Hash(string made) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(made)));
}
