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
            throw new HeadConfigException($"{file.Path}: it holds feedback layers ('{Feedback}') beside the head: this is a DifFeed head, which reads the maps of a second pass. Import it with --head diffeed");
        }
        return Under(file, Group);
    }

    /// <summary>The weights of a head with feedback: the head's under its own names, the feedback layers' under "feedback_layers.i.j".</summary>
    /// <exception cref="CheckpointException">The file lacks one of the two.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> WithFeedback(CheckpointFile file)
    {
        var (head, feedback) = (Under(file, Group), Under(file, Feedback));
        return head.Count > 0 && feedback.Count > 0 ? head.Concat(feedback.Select(pair => KeyValuePair.Create("feedback_layers." + pair.Key, pair.Value))).ToDictionary()
            : throw new CheckpointException($"{file.Path}: it holds {head.Count} tensors under '{Group}' and {feedback.Count} under '{Feedback}'; a DifFeed head of the released code has both");
    }

    static IReadOnlyDictionary<string, StoredTensor> Under(CheckpointFile file, string group)
    {
        var found = file.Under(group);
        return found.Keys.All(name => name.StartsWith(Parallel + ".", StringComparison.Ordinal)) ? file.Under($"{group}.{Parallel}") : found;
    }
}
