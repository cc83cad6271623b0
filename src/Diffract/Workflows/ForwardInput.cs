using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>The tensors that a pass takes, from a file that may hold anything.</summary>
static class ForwardInput
{
    /// <returns>(N, C, H, W) float32.</returns>
    public static Tensor Pictures(CheckpointFile file, UNetConfig config)
    {
        var stored = file.Get("x");
        var fits = stored.DType.IsFloatingPoint() && stored.Shape is [> 0, var channels, > 0, > 0] && channels == config.InChannels
            && stored.Shape[2] % config.Stride == 0 && stored.Shape[3] % config.Stride == 0;
        return fits ? stored.ToTensor().To(DType.Float32)
            : throw Fault(file, stored, $"(N, {config.InChannels}, H, W) float32, H and W multiples of {config.Stride}");
    }

    /// <returns>(N), in the type they have.</returns>
    public static Tensor Steps(CheckpointFile file, long count)
    {
        var stored = file.Get("timesteps");
        return stored.Shape is [var n] && n == count && stored.DType != DType.Bool ? stored.ToTensor() : throw Fault(file, stored, $"({count}), whole or float steps");
    }

    /// <returns>(N) int64; null where the file holds none.</returns>
    public static Tensor? Classes(CheckpointFile file, long count, UNetConfig config)
    {
        if (!file.Tensors.TryGetValue("y", out var stored))
        {
            return null;
        }
        if (config.Classes is not { } classes)
        {
            throw new CheckpointException($"{file.Path}: holds classes 'y', and this net knows none. Leave 'y' out.");
        }
        if (stored.Shape is not [var n] || n != count || stored.DType.IsFloatingPoint() || stored.DType == DType.Bool)
        {
            throw Fault(file, stored, $"({count}) int64, classes from 0 to {classes - 1}");
        }
        var y = stored.ToTensor().To(DType.Int64);
        var odd = Array.FindIndex(y.ToArray<long>(), c => c < 0 || c >= classes);
        return odd < 0 ? y : throw new CheckpointException($"{file.Path}: 'y' holds class {y.ToArray<long>()[odd]} at {odd}; this net has 0 to {classes - 1}");
    }

    static CheckpointException Fault(CheckpointFile file, StoredTensor stored, string wanted) =>
        new($"{file.Path}: '{stored.Name}' is ({string.Join(", ", stored.Shape)}) {stored.DType}; expected {wanted}");
}
