using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Heads;

/// <summary>
/// Turns maps of a U-Net's blocks into logits. Its weights are float32 whatever the type of the maps, and it keeps no mode:
/// whether batch norm takes the batch's statistics or the stored ones is said with each call.
/// </summary>
public abstract class Head
{
    private protected Head(HeadConfig config) => Config = config;

    public HeadConfig Config { get; }

    /// <summary>Gives the head the net that its maps come from; only a head that runs the net itself (DifFeed) keeps it.</summary>
    /// <exception cref="ArgumentException">The net is not the one that the head was made for.</exception>
    public virtual void Attach(UNet net) { }

    /// <param name="maps">A map (N, C, H, W), float32 or bfloat16, for every t and block of the configuration; more may be there.</param>
    /// <param name="training">True: batch norm takes the batch's statistics and moves the stored ones, once a t, in order.</param>
    /// <returns>Logits (N, classes), float32.</returns>
    /// <exception cref="ArgumentException">A map is missing or has other channels than the head was built for.</exception>
    public abstract Tensor Forward(IReadOnlyDictionary<FeatureKey, Tensor> maps, bool training);

    // (N, C, H, W), in full precision: float32, float64 where the map is.
    internal static Tensor Map(IReadOnlyDictionary<FeatureKey, Tensor> maps, int t, FeatureSpec block)
    {
        if (!maps.TryGetValue(new(t, block.Block), out var map))
        {
            throw new ArgumentException($"the head needs block {block.Block} at t = {t}; there are {string.Join(", ", maps.Keys.Select(key => $"block {key.Block} at t = {key.T}"))}", nameof(maps));
        }
        if (map.Dimensions != 4 || map.Size(1) != block.Channels)
        {
            throw new ArgumentException($"block {block.Block} at t = {t} is {map}, the head was built for (N, {block.Channels}, {block.Height}, {block.Width})", nameof(maps));
        }
        return map.To(map.DType.Full());
    }

    internal static Tensor Joined(Tensor[] parts, int dimension) => parts.Length == 1 ? parts[0] : Aten.Cat(parts, dimension);
}
