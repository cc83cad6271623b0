using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Heads that the papers' released code has saved: "model_head" of its latest.pth, or a state dict of the head alone. They carry no configuration.</summary>
public static class ReleasedHead
{
    const string Group = "model_head", Feedback = "model_feedback", Parallel = "module";

    /// <summary>The head's weights under its own names, without the "module." of DistributedDataParallel.</summary>
    /// <exception cref="HeadConfigException">The file has feedback layers beside the head, which a head alone would leave out.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Weights(CheckpointFile file)
    {
        var head = file.Under(Group);
        if (head.Count == 0)
        {
            return file.StateDict();
        }
        if (file.Under(Feedback).Count > 0)
        {
            throw new HeadConfigException($"{file.Path}: it holds feedback layers ('{Feedback}') beside the head: this is a DifFeed head, which reads the maps of a second pass, and a store has those of the first");
        }
        return head.Keys.All(name => name.StartsWith(Parallel + ".", StringComparison.Ordinal)) ? file.Under($"{Group}.{Parallel}") : head;
    }
}
