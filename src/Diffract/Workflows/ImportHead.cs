using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A head that the released code trained becomes a file that `evaluate` and `predict` take.</summary>
public static class ImportHead
{
    /// <param name="path">latest.pth, or a state dict of the head.</param> <param name="head">Kind and settings, which that file does not tell.</param>
    /// <param name="store">Says backbone, size of pictures and classes, in the order of the head's outputs.</param>
    /// <param name="ts">Steps that it reads; null: the store's.</param> <param name="blocks">Blocks that it reads; null: the store's.</param> <param name="output">The file to write.</param>
    /// <returns>The head as it was understood.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception> <exception cref="FeatureStoreException">The store lacks what it reads.</exception>
    public static HeadConfig Run(string path, HeadConfig head, FeatureStore store, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks, string output)
    {
        using var scope = new TensorScope();
        var inputs = new StoreSource(store).Complete(head, ts, blocks);
        using var file = CheckpointFile.Open(path);
        using var weights = ParameterStore.From(ReleasedHead.Weights(file));
        inputs.Head.Build(weights.Root);
        weights.Verify(path, hint: () => $"The head was taken for {inputs.Head.ToJson().ToJsonString()}: say what it is with --head, --layers or --head-config, and which steps and blocks it reads with --t and --blocks.");
        TrainedHead.Write(output, inputs, weights.All, store.Request, store.Manifest.How["model"]!, store.Manifest.ClassNames,
            new JsonObject { ["importedFrom"] = Path.GetFileName(path), ["sha256"] = file.Sha256 });
        return inputs.Head;
    }

    /// <summary>A head with feedback, for which no store is needed.</summary>
    /// <param name="path">latest.pth.</param> <param name="head">Kind, settings and feedback.</param> <param name="request">t and size at which it is used.</param>
    /// <param name="backbone">That it was trained on; its weights are not read.</param> <param name="classNames">In the order of the outputs: the released code sorts the folders' names.</param>
    /// <param name="output">The file to write.</param> <returns>The head as it was understood.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception>
    public static HeadConfig Run(string path, FeedbackHeadConfig head, FeatureRequest request, Backbone backbone, IReadOnlyList<string> classNames, string output)
    {
        using var scope = new TensorScope();
        using var file = CheckpointFile.Open(path);
        var layout = backbone.Net.Layout;
        var inputs = HeadInputs.Choose(head, request.T, head.FirstPassBlocks, classNames.Count, pools: null, name => request.Shape(name, layout), block => Math.Min(request.Height, request.Width) / layout.Blocks[block - 1].OutStride);
        using var weights = ParameterStore.From(ReleasedHead.WithFeedback(file));
        inputs.Head.Build(weights.Root);
        weights.Verify(path, hint: () => "Is it a head of these blocks and classes? --layers or --head-config, --blocks, --feedback, --feedback-layers and --classes say what it is.");
        TrainedHead.Write(output, inputs, weights.All, request, backbone.ToJson(), classNames, new JsonObject { ["importedFrom"] = Path.GetFileName(path), ["sha256"] = file.Sha256 });
        return inputs.Head;
    }
}
