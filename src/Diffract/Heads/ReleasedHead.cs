using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>Heads that the papers' released code has saved: "model_head" of its latest.pth, or a state dict of the head alone. They carry no configuration.</summary>
public static class ReleasedHead
{
    const string Group = "model_head", Feedback = "model_feedback", Parallel = "module", Cls = "cls_token";

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
    /// <param name="order">Place in the file of each pair's layers; none where these have no weights.</param>
    /// <exception cref="CheckpointException">The file lacks one of the two.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> WithFeedback(CheckpointFile file, IReadOnlyList<int> order)
    {
        var (head, feedback) = (Under(file, Group), Under(file, Feedback));
        return head.Count > 0 && (feedback.Count > 0 || order.Count == 0) ? head.Concat(order.SelectMany((place, i) => feedback.Where(pair => pair.Key.StartsWith($"{place}.", StringComparison.Ordinal))
                .Select(pair => KeyValuePair.Create($"feedback_layers.{i}{pair.Key[$"{place}".Length..]}", pair.Value)))).ToDictionary()
            : throw new CheckpointException($"{file.Path}: it holds {head.Count} tensors under '{Group}' and {feedback.Count} under '{Feedback}'; a DifFeed head of the released code has both");
    }

    /// <summary>
    /// Without a CLS token that no layer puts in front, which the released code makes and saves all the same; and with tokenisers under the blocks that they were trained on, where
    /// its list of blocks was not ascending: the maps come in the net's order, and meet the list's tokenisers in the list's order.
    /// </summary>
    /// <param name="weights">Of the head.</param> <param name="head">What it is taken for.</param> <param name="blocks">Of one pass, as the released code was given them.</param>
    public static IReadOnlyDictionary<string, StoredTensor> Understood(IReadOnlyDictionary<string, StoredTensor> weights, HeadConfig head, IReadOnlyList<int> blocks)
    {
        int[] ascending = [.. blocks.Order()];
        string Renamed(string name) => name.Split('.') is ["pre_layer", var block, .. var rest] && blocks.Select(b => $"{b}").ToList().IndexOf(block) is >= 0 and var place
            ? string.Join('.', (string[])["pre_layer", $"{ascending[place]}", .. rest]) : name;
        var unused = head is AttentionConfig attention && !attention.Sequence.OfType<TokenLayer.InsertCls>().Any();
        return weights.Where(pair => !(unused && pair.Key.Split('.')[^1] == Cls)).ToDictionary(pair => Renamed(pair.Key), pair => pair.Value);
    }

    /// <summary>
    /// What the released code does with a list of blocks that feed back: it takes the maps from the list's end, one at each encoder block whose mirror is in the list, so a list that is not
    /// ascending joins other blocks, and of blocks before the decoder, and of repeats, the layers are made and never used.
    /// </summary>
    /// <param name="list">feedback_b_list.</param>
    /// <returns>Pairs as <see cref="FeedbackConfig.Pairs"/> has them, and the place of each one's layers in the list.</returns>
    public static (IReadOnlyList<FeedbackPair> Pairs, IReadOnlyList<int> Order) Pairs(IReadOnlyList<int> list, int encoderBlocks)
    {
        var takers = Enumerable.Range(1, encoderBlocks).Where(to => list.Contains(2 * encoderBlocks + 2 - to));
        var joined = takers.Select((to, i) => (Pair: new FeedbackPair(list[list.Count - 1 - i], to), Place: list.Count - 1 - i)).OrderBy(entry => entry.Pair.From).ThenBy(entry => entry.Pair.To).ToList();
        return ([.. joined.Select(entry => entry.Pair)], [.. joined.Select(entry => entry.Place)]);
    }

    static IReadOnlyDictionary<string, StoredTensor> Under(CheckpointFile file, string group)
    {
        var found = file.Under(group);
        return found.Keys.All(name => name.StartsWith(Parallel + ".", StringComparison.Ordinal)) ? file.Under($"{group}.{Parallel}") : found;
    }
}
