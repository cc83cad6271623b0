using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Heads that the released code of the second paper trained, with or without feedback layers, as files that <see cref="TrainedHead.Open"/> takes.</summary>
public static class ImportHead
{
    /// <param name="path">Its latest.pth, or a plain state dict of a head.</param>
    /// <param name="head">What the file does not say: kind and settings; steps and blocks come from <paramref name="request"/>.</param>
    /// <param name="request">t, blocks and size at which the head is used.</param> <param name="backbone">That it was trained on; its weights are not read.</param>
    /// <param name="classNames">In the order of the outputs: the released code sorts the folders' names.</param> <param name="output">The file to write.</param>
    /// <returns>The head completed.</returns>
    /// <exception cref="CheckpointException">The file's tensors are not those of such a head; all differences are named.</exception>
    public static HeadConfig Run(string path, HeadConfig head, FeatureRequest request, Backbone backbone, IReadOnlyList<string> classNames, string output)
    {
        using var scope = new TensorScope();
        using var file = CheckpointFile.Open(path);
        var layout = backbone.Net.Layout;
        var inputs = HeadInputs.Choose(head, request.T, request.Blocks, classNames.Count, pools: null, name => request.Shape(name, layout), block => Math.Min(request.Height, request.Width) / layout.Blocks[block - 1].OutStride);
        using var store = ParameterStore.From(Tensors(file, inputs.Head));
        inputs.Head.Build(store.Root);
        store.Verify(path, hint: () => "Is it a head of this kind, of these blocks and classes? --head-config, --blocks, --feedback and --classes say what it is.");
        var epoch = ReleasedCheckpoint.Epoch(file);
        TrainedHead.Write(output, inputs, store.All, request, backbone.ToJson(), classNames, new JsonObject { ["importedFrom"] = Path.GetFileName(path), ["sha256"] = file.Sha256, ["epoch"] = epoch });
        return inputs.Head;
    }

    static IReadOnlyDictionary<string, StoredTensor> Tensors(CheckpointFile file, HeadConfig head)
    {
        if (!ReleasedCheckpoint.Recognises(file))
        {
            return file.StateDict();
        }
        var tensors = ReleasedCheckpoint.Head(file).ToDictionary();
        if (head is FeedbackHeadConfig)
        {
            foreach (var (name, tensor) in ReleasedCheckpoint.Feedback(file))
            {
                tensors.Add("feedback_layers." + name, tensor);
            }
        }
        return tensors;
    }
}
