using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Lists as the released code was given them: where they are not ascending, its weights stand in their order.</summary>
/// <param name="Ts">t_list.</param> <param name="Blocks">first_fw_b_list, or second_fw_b_list of a head with feedback.</param>
public sealed record ReleasedLists(IReadOnlyList<int> Ts, IReadOnlyList<int> Blocks)
{
    /// <summary>feedback_b_list; null: the configuration's pairs, in their order.</summary>
    public IReadOnlyList<int>? Feedback { get; init; }
}

/// <summary>A head that the released code trained becomes a file that `evaluate` and `predict` take.</summary>
public static class ImportHead
{
    /// <param name="path">latest.pth, or a state dict of the head.</param> <param name="head">Kind and settings, which that file does not tell.</param>
    /// <param name="store">Says backbone, size of pictures and classes, in the order of the head's outputs.</param>
    /// <param name="ts">Steps as the released code was given them; null: the store's.</param> <param name="blocks">Blocks likewise; null: the store's.</param> <param name="output">The file to write.</param>
    /// <returns>The head as it was understood.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception> <exception cref="FeatureStoreException">The store lacks what it reads.</exception>
    public static HeadConfig Run(string path, HeadConfig head, FeatureStore store, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks, string output)
    {
        using var scope = new TensorScope();
        var given = new ReleasedLists(ts ?? store.Request.T, blocks ?? store.Request.Blocks);
        var inputs = new StoreSource(store).Complete(head, [.. given.Ts.Order()], [.. given.Blocks.Order()]);
        using var file = CheckpointFile.Open(path);
        using var weights = ParameterStore.From(ReleasedHead.Understood(ReleasedHead.Weights(file), inputs.Head, given.Blocks));
        inputs.Head.Build(weights.Root);
        weights.Verify(path, hint: () => $"The head was taken for {inputs.Head.ToJson().ToJsonString()}: say what it is with --head, --layers, --pool, --norm or --head-config, and which steps and blocks it reads with --t and --blocks.");
        OrderSteps(weights, given.Ts);
        TrainedHead.Write(output, inputs, weights.All, store.Request, store.Manifest.How["model"]!, store.Manifest.ClassNames, MadeWith(path, file));
        return inputs.Head;
    }

    /// <summary>A head with feedback, for which no store is needed.</summary>
    /// <param name="path">latest.pth.</param> <param name="head">Kind, settings and feedback.</param> <param name="request">t and size at which it is used.</param>
    /// <param name="backbone">That it was trained on; its weights are not read.</param> <param name="classNames">In the order of the outputs: the released code sorts the folders' names.</param>
    /// <param name="output">The file to write.</param> <param name="lists">What the released code was given; null: all in ascending order, as <paramref name="head"/> and <paramref name="request"/> have it.</param>
    /// <returns>The head as it was understood.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception>
    public static HeadConfig Run(string path, FeedbackHeadConfig head, FeatureRequest request, Backbone backbone, IReadOnlyList<string> classNames, string output, ReleasedLists? lists = null)
    {
        using var scope = new TensorScope();
        using var file = CheckpointFile.Open(path);
        var (layout, given) = (backbone.Net.Layout, lists ?? new(request.T, head.ReadBlocks));
        (head, var order) = Paired(head, given, layout.InputBlocks.Count);
        if (head.FirstReadBlocks.Count > 0 && !given.Blocks.SequenceEqual(given.Blocks.Order()))
        {
            throw new HeadConfigException($"blocks {string.Join(", ", given.Blocks)} of the second pass are not ascending: the released code then gives their maps to each other's tokenisers, which those of the first pass share. This head cannot be expressed here");
        }
        var inputs = HeadInputs.Choose(head, request.T, head.FirstPassBlocks, classNames.Count, pools: null, name => request.Shape(name, layout), block => request.Whole(block, layout));
        using var weights = ParameterStore.From(ReleasedHead.Understood(ReleasedHead.WithFeedback(file, head.Feedback.ParameterCount(layout) == 0 ? [] : order), head.Reader, given.Blocks));
        inputs.Head.Build(weights.Root);
        weights.Verify(path, hint: () => "Is it a head of these blocks and classes? --layers, --pool, --norm or --head-config, --blocks, --first-blocks, --feedback, --feedback-layers and --classes say what it is.");
        OrderSteps(weights, given.Ts);
        TrainedHead.Write(output, inputs, weights.All, request, backbone.ToJson(), classNames, MadeWith(path, file));
        return inputs.Head;
    }

    static JsonObject MadeWith(string path, CheckpointFile file) => new() { ["importedFrom"] = Path.GetFileName(path), ["sha256"] = file.Sha256 };

    static (FeedbackHeadConfig Head, IReadOnlyList<int> Order) Paired(FeedbackHeadConfig head, ReleasedLists given, int encoderBlocks)
    {
        if (given.Feedback is null)
        {
            return (head, [.. Enumerable.Range(0, head.Feedback.Pairs.Count)]);
        }
        var (pairs, order) = ReleasedHead.Pairs(given.Feedback, encoderBlocks);
        return (head with { Feedback = head.Feedback with { Pairs = pairs, Strategy = string.Join(',', pairs) } }, order);
    }

    // The last layer's columns, step by step, from the order of the list to ours.
    static void OrderSteps(ParameterStore weights, IReadOnlyList<int> ts)
    {
        if (ts.SequenceEqual(ts.Order()))
        {
            return;
        }
        using var off = GradMode.Off();
        var weight = weights.Parameters.GetValueOrDefault("head.weight")
            ?? throw new HeadConfigException($"steps {string.Join(", ", ts)}: of the released code's heads only the fusion head, whose tokens are projected, reads several steps");
        var order = Tensor.From<long>([.. ts.Index().OrderBy(entry => entry.Item).Select(entry => (long)entry.Index)]);
        weight.Copy_(weight.Reshape(weight.Size(0), ts.Count, -1).IndexSelect(1, order).Flatten(1));
    }
}
