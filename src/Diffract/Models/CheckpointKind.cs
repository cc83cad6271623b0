namespace Diffract.Models;

/// <summary>What a file of weights is, by its tensors' names: to say what was given where something else was wanted.</summary>
public sealed record CheckpointKind(CheckpointFamily Family, string Description)
{
    // Most particular first. A name is looked for as the start of a tensor's name, or anywhere where it starts with '*'.
    static readonly (string[] All, string[] None, CheckpointFamily Family, string Description)[] Known =
    [
        (["time_embed.0.", "input_blocks.0.0.", "*.transformer_blocks."], [], CheckpointFamily.Other, "a U-Net of Stable Diffusion, which works on latents and takes text"),
        (["model.diffusion_model."], [], CheckpointFamily.Other, "a whole model of latent diffusion (Stable Diffusion)"),
        (["time_embed.0.", "input_blocks.0.0.", "output_blocks.0.0."], [], CheckpointFamily.UNet, "a U-Net of the ADM family (guided-diffusion)"),
        (["time_embed.0.", "input_blocks.0.0.", "middle_block.0."], ["output_blocks."], CheckpointFamily.Classifier, "a classifier of noised pictures of guided-diffusion (the input side of a U-Net and a pooled output)"),
        (["down_blocks.", "up_blocks.", "conv_in."], [], CheckpointFamily.Other, "a U-Net in the names of diffusers"),
        (["down.0.block.0.", "up.0.block.0.", "temb.dense.0."], [], CheckpointFamily.Other, "a U-Net in the names of DDPM"),
        (["intra_inter_block_attention."], [], CheckpointFamily.Head, "an attention head (or DifFormer)"),
        (["pre_layer."], [], CheckpointFamily.Head, "an attention head (or DifFormer)"),
        (["cls_token", "layers.", "*.attn.qkv."], ["blocks."], CheckpointFamily.Head, "an attention head put together from a layer string"),
        (["fcs.0."], [], CheckpointFamily.Head, "a linear or MLP head"),
        (["model_head.", "model_feedback."], [], CheckpointFamily.Head, "a saved training run with a head and feedback layers, and no U-Net"),
        (["model_head."], [], CheckpointFamily.Head, "a saved training run with a head, and no U-Net"),
        (["cls_token", "patch_embed.", "blocks.0."], [], CheckpointFamily.Other, "a vision transformer"),
        (["layer1.0.conv1.", "layer4.0.conv1."], [], CheckpointFamily.Other, "a ResNet"),
        (["model.", "ema.", "optimizer."], [], CheckpointFamily.TrainingState, "the state of a training run"),
    ];

    // Keys of the metadata that this program writes.
    static readonly (string Key, CheckpointFamily Family, string Description)[] Own =
    [
        ("diffract.head", CheckpointFamily.Head, "a head trained with Diffract"),
        ("how.sha256", CheckpointFamily.Other, "features: a shard of a store made by `diffract extract`"),
        ("fingerprint", CheckpointFamily.TrainingState, "the state of a training run with Diffract, to be taken up again"),
        ("diffract.model_sha256", CheckpointFamily.Other, "what the blocks of a net put out (`diffract forward`)"),
    ];

    /// <param name="names">Of all tensors.</param> <param name="metadata">Of a safetensors file; may be null.</param>
    public static CheckpointKind Of(IReadOnlyCollection<string> names, IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (metadata is not null && Array.Find(Own, o => metadata.ContainsKey(o.Key)) is { Description: not null } own)
        {
            return new(own.Family, own.Description);
        }
        bool Has(string wanted) => wanted[0] == '*' ? names.Any(n => n.Contains(wanted[1..], StringComparison.Ordinal)) : names.Any(n => n.StartsWith(wanted, StringComparison.Ordinal));
        var known = Array.Find(Known, k => k.All.All(Has) && !k.None.Any(Has));
        return known.Description is null ? new(CheckpointFamily.Unknown, "weights of a kind that Diffract does not know") : new(known.Family, known.Description);
    }
}

public enum CheckpointFamily { UNet, Classifier, Head, TrainingState, Other, Unknown }
