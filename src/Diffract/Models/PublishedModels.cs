namespace Diffract.Models;

/// <summary>The checkpoints of guided-diffusion (Dhariwal and Nichol 2021) and improved-diffusion (Nichol and Dhariwal 2021), with the flags their pages give.</summary>
public static class PublishedModels
{
    const int ImageNetClasses = 1000;

    static readonly UNetConfig Adm = new();

    static readonly UNetConfig Improved = new()
    {
        ImageSize = 64, ModelChannels = 128, NumResBlocks = 3, ChannelMult = [1, 2, 3, 4], AttentionFactors = new HashSet<int> { 4, 8 }, NumHeadChannels = null,
        ResblockUpdown = false,
    };

    static readonly UNetConfig ImprovedBedroom = Improved with
    {
        ImageSize = 256, NumResBlocks = 2, ChannelMult = [1, 1, 2, 2, 4, 4], AttentionFactors = new HashSet<int> { 16 }, NumHeads = 1, ScaleShiftNorm = false,
    };

    /// <summary>All, the net of the papers first.</summary>
    public static IReadOnlyList<PublishedModel> All { get; } =
    [
        Guided("256x256_diffusion_uncond", "ImageNet 256x256, no classes", Adm) with
        {
            Bytes = 2_211_383_297,
            Sha256 = "a37c32fffd316cd494cf3f35b339936debdc1576dad13fe57c42399a5dbc78b1",
            Features = "b 24 at t 90 or 150; fused b 19,24,30 at t 90,150,300",
        },
        Guided("64x64_diffusion", "ImageNet 64x64, with classes", Adm with
        {
            ImageSize = 64, ModelChannels = 192, NumResBlocks = 3, ChannelMult = [1, 2, 3, 4], AttentionFactors = new HashSet<int> { 2, 4, 8 },
            NewAttentionOrder = true, Classes = ImageNetClasses, Dropout = 0.1,
        }) with { Schedule = "cosine" },
        Guided("128x128_diffusion", "ImageNet 128x128, with classes", Adm with
        {
            ImageSize = 128, ChannelMult = [1, 1, 2, 3, 4], AttentionFactors = new HashSet<int> { 4, 8, 16 }, NumHeads = 4, NumHeadChannels = null, Classes = ImageNetClasses,
        }),
        Guided("256x256_diffusion", "ImageNet 256x256, with classes", Adm with { Classes = ImageNetClasses }) with { Bytes = 2_215_479_544 },
        Guided("512x512_diffusion", "ImageNet 512x512, with classes", Adm with
        {
            ImageSize = 512, ChannelMult = [0.5, 1, 1, 2, 2, 4, 4], AttentionFactors = new HashSet<int> { 16, 32, 64 }, Classes = ImageNetClasses,
        }),
        Guided("lsun_bedroom", "LSUN bedrooms 256x256, no classes", Adm with { Dropout = 0.1 }),
        Guided("lsun_cat", "LSUN cats 256x256, no classes", Adm with { Dropout = 0.1 }),
        Guided("lsun_horse", "LSUN horses 256x256, no classes", Adm with { Dropout = 0.1 }),
        Guided("lsun_horse_nodropout", "LSUN horses 256x256, no classes", Adm),
        Guided("64_256_upsampler", "ImageNet, 64x64 to 256x256, with classes", Adm with
        {
            InChannels = 6, ModelChannels = 192, NumHeads = 4, NumHeadChannels = null, Classes = ImageNetClasses,
        }),
        Guided("128_512_upsampler", "ImageNet, 128x128 to 512x512, with classes", Adm with
        {
            ImageSize = 512, InChannels = 6, ModelChannels = 192, AttentionFactors = new HashSet<int> { 16, 32 }, Classes = ImageNetClasses,
        }),
        Guided("64x64_classifier", "ImageNet 64x64: a classifier of noised pictures", null),
        Guided("128x128_classifier", "ImageNet 128x128: a classifier of noised pictures", null),
        Guided("256x256_classifier", "ImageNet 256x256: a classifier of noised pictures", null),
        Guided("512x512_classifier", "ImageNet 512x512: a classifier of noised pictures", null),
        Earlier("imagenet64_uncond_100M_1500K", "ImageNet 64x64, no classes", Improved),
        Earlier("imagenet64_uncond_vlb_100M_1500K", "ImageNet 64x64, no classes", Improved),
        Earlier("cifar10_uncond_50M_500K", "CIFAR-10 32x32, no classes", ImprovedCifar),
        Earlier("cifar10_uncond_vlb_50M_500K", "CIFAR-10 32x32, no classes", ImprovedCifar),
        Earlier("imagenet64_cond_270M_250K", "ImageNet 64x64, with classes", Improved with { ModelChannels = 192, Classes = ImageNetClasses }) with { TimestepScale = 1 },
        Earlier("lsun_uncond_100M_1200K_bs128", "LSUN bedrooms 256x256, no classes", ImprovedBedroom) with { Schedule = "linear", Steps = 1000, TimestepScale = 1 },
        Earlier("lsun_uncond_100M_2400K_bs64", "LSUN bedrooms 256x256, no classes", ImprovedBedroom) with { Schedule = "linear", Steps = 1000, TimestepScale = 1 },
        Earlier("upsample_cond_500K", "ImageNet, 64x64 to 256x256, with classes", Improved with
        {
            ImageSize = 256, InChannels = 6, ModelChannels = 192, NumResBlocks = 2, ChannelMult = [1, 1, 2, 2, 4, 4], AttentionFactors = new HashSet<int> { 16, 32 },
            Classes = ImageNetClasses,
        }) with { Schedule = "linear", TimestepScale = 1 },
    ];

    /// <summary>By its name, or by its file's; null where it is not known.</summary>
    public static PublishedModel? Find(string name) =>
        All.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase) || m.File.Equals(name, StringComparison.OrdinalIgnoreCase));

    static UNetConfig ImprovedCifar => Improved with { ImageSize = 32, ChannelMult = [1, 2, 2, 2], AttentionFactors = new HashSet<int> { 2, 4 }, Dropout = 0.3 };

    static PublishedModel Guided(string name, string trainedOn, UNetConfig? config) =>
        new(name, "guided-diffusion", new($"https://openaipublic.blob.core.windows.net/diffusion/jul-2021/{name}.pt"), trainedOn) { Config = config };

    // 4,000 steps of the cosine schedule, which the net is given scaled to 1,000.
    static PublishedModel Earlier(string name, string trainedOn, UNetConfig config) =>
        new(name, "improved-diffusion", new($"https://openaipublic.blob.core.windows.net/diffusion/march-2021/{name}.pt"), trainedOn)
        {
            Config = config, Schedule = "cosine", Steps = 4000, TimestepScale = 0.25,
        };
}
