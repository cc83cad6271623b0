using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Models;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How a backbone is trained together with a head.</summary>
public sealed record TuningConfig
{
    /// <summary>Learning rate of a block over that of the block after it, in (0, 1]; the deepest block's is this times the head's, the time embedding counts as the block before the first.</summary>
    public double LayerDecay { get; init; } = 1;

    /// <summary>float32, or bfloat16 for maps and products; the weights that are trained stay float32.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>Less memory for about a third more time; see <see cref="UNet.Recompute"/>.</summary>
    public bool Recompute { get; init; }

    public JsonObject ToJson() => new() { ["layerDecay"] = LayerDecay, ["precision"] = Precision == DType.Float32 ? "fp32" : "bf16 with float32 weights", ["recompute"] = Recompute };
}

/// <summary>The weights of a loaded backbone that are trained: those of the embeddings and of the blocks up to the deepest that a head reads.</summary>
public sealed class BackboneTuning
{
    public const string ModelFile = "model.safetensors";

    readonly Backbone _backbone;
    readonly LoadedUNet _loaded;
    readonly int _deepest;

    /// <param name="backbone">Loaded whole, in float32.</param> <param name="deepest">The deepest block that the head reads; what lies after it stays as it is.</param>
    /// <exception cref="ArgumentException">The backbone was not loaded so, or the settings cannot be used.</exception>
    public BackboneTuning(Backbone backbone, int deepest, TuningConfig config)
    {
        _loaded = backbone.Loaded ?? throw new ArgumentException("fine-tuning needs a backbone that was opened from a file", nameof(backbone));
        if (_loaded.Store.ComputeType != DType.Float32 || config.LayerDecay is not (> 0 and <= 1))
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"fine-tuning needs float32 weights and a layer decay in (0, 1]; these are {_loaded.Store.ComputeType} and {config.LayerDecay}"));
        }
        if (config.Recompute && _loaded.Config.Dropout > 0)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"the net has dropout {_loaded.Config.Dropout}, and blocks that are computed once more would drop other values; fine-tune it without --recompute"));
        }
        (_backbone, _deepest, Config) = (backbone, deepest, config);
        Net = new UNet(_loaded.Store.Root, _loaded.Config) { ComputeType = config.Precision, Recompute = config.Recompute };
        foreach (var (_, parameter) in State)
        {
            parameter.RequiresGrad = true;
        }
    }

    public TuningConfig Config { get; }

    /// <summary>The net on the weights that are trained.</summary>
    public UNet Net { get; }

    /// <summary>What is trained, by the checkpoint's names.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State => _loaded.Store.Parameters.Where(pair => Net.Layout.BlockOf(pair.Key) <= _deepest);

    /// <summary>A group a block, with its learning rate over the head's; vectors (biases, norms) do not decay.</summary>
    public IReadOnlyList<ParameterGroup> Groups(double weightDecay) =>
    [
        .. from pair in State
           group pair.Value by (Block: Net.Layout.BlockOf(pair.Key), IsVector: pair.Value.Dimensions < 2) into parameters
           select new ParameterGroup([.. parameters], Math.Pow(Config.LayerDecay, _deepest + 1 - parameters.Key.Block), parameters.Key.IsVector ? 0 : weightDecay),
    ];

    public void Restore() => _loaded.Restore();

    /// <summary>Writes the whole net, trained or not, as a checkpoint with its configuration.</summary>
    /// <param name="madeWith">Kept in the file.</param> <returns>As <see cref="Backbone.ToJson"/> of the written file.</returns>
    public JsonNode Save(string folder, JsonNode madeWith)
    {
        var path = Path.Combine(folder, ModelFile);
        UNetFile.Write(path, Net.Config, _backbone.Schedule, _loaded.Store.ToEntries(), new Dictionary<string, string> { ["diffract.made_with"] = madeWith.ToJsonString() });
        using var file = CheckpointFile.Open(path);
        var json = _backbone.ToJson();
        (json["name"], json["sha256"]) = (ModelFile, file.Sha256);
        json.Remove("stateDict");                                                          // it is the only one of its file
        return json;
    }
}
