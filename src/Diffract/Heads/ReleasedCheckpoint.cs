using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// What the released code of the second paper saves after each epoch as latest.pth: a dict of optimizer, scheduler, epoch, model_head and model_feedback.
/// It holds no configuration: which head, steps, blocks and feedback it is of must be known.
/// </summary>
public static class ReleasedCheckpoint
{
    const string HeadGroup = "model_head", FeedbackGroup = "model_feedback";

    /// <summary>True where the file is such a dict.</summary>
    public static bool Recognises(CheckpointFile file) => file.Groups.Contains(HeadGroup);

    /// <summary>The head's state dict: what <see cref="HeadConfig.Build"/> reads.</summary>
    /// <exception cref="CheckpointException">The file holds no head.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Head(CheckpointFile file) => Group(file, HeadGroup) is { Count: > 0 } head ? head
        : throw new CheckpointException($"{file.Path}: there is no '{HeadGroup}' in it, which the released code's latest.pth has. It holds {(file.Groups.Count == 0 ? "a plain state dict" : string.Join(", ", file.Groups))}.");

    /// <summary>The feedback layers' state dict, "i.j.weight"; empty where the head was trained without feedback.</summary>
    public static IReadOnlyDictionary<string, StoredTensor> Feedback(CheckpointFile file) => Group(file, FeedbackGroup);

    /// <summary>Epochs that had been trained, counted as the file counts them; null where it does not say.</summary>
    public static long? Epoch(CheckpointFile file) => file.Values.GetValueOrDefault("epoch") as long?;

    // With or without the "module." of DistributedDataParallel.
    static IReadOnlyDictionary<string, StoredTensor> Group(CheckpointFile file, string name) =>
        file.Under(name + ".module") is { Count: > 0 } wrapped ? wrapped : file.Under(name);
}
