using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>One pass of a net over given tensors, with what comes out of every block: for checking against another implementation.</summary>
public static class Forward
{
    /// <summary>Reads x (N, C, H, W), timesteps (N) and, where it is there, y (N); writes block/01 ... block/NN and out, all float32.</summary>
    /// <param name="model">The whole net, with its output.</param> <param name="input">A file of tensors.</param> <param name="output">A safetensors file to write.</param>
    /// <returns>Number of pictures.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, or not of the form that this net takes.</exception>
    public static long Run(LoadedUNet model, string input, string output)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var file = CheckpointFile.Open(input);
        var device = model.Net.Device;
        var x = ForwardInput.Pictures(file, model.Config);
        var t = ForwardInput.Steps(file, x.Size(0));
        var y = ForwardInput.Classes(file, x.Size(0), model.Config);
        var maps = new SortedDictionary<int, Tensor>();
        try
        {
            var result = model.Net.Forward(x.To(device), t.To(device), y?.To(device), (b, map) =>
            {
                maps[b] = map.To(DType.Float32).Alias().Keep();
                return map;
            });
            SafetensorsWriter.Write(output, [.. maps.Select(pair => pair.Value.ToEntry($"block/{pair.Key:00}")), result.ToEntry("out")], Facts(model));
            return x.Size(0);
        }
        finally
        {
            foreach (var map in maps.Values)
            {
                map.Dispose();
            }
        }
    }

    static Dictionary<string, string> Facts(LoadedUNet model) => new()
    {
        ["diffract.model"] = Path.GetFileName(model.Path),
        ["diffract.model_sha256"] = model.Fingerprint,
        ["diffract.precision"] = model.Net.ComputeType.ToString(),
    };
}
