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
}
