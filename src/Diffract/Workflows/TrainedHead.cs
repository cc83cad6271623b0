using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A trained head with all that its use needs: the backbone it belongs to, the features it reads, its classes.</summary>
public sealed class TrainedHead : IDisposable
{
    const string FeaturesKey = "diffract.features", BackboneKey = "diffract.backbone", ClassesKey = "diffract.classes", MadeWithKey = "diffract.made_with";

    internal const string TrainSha256Key = "trainSha256";

    readonly ParameterStore _store;

    TrainedHead(ParameterStore store, Head head, HeadInputs inputs, FeatureRequest features, JsonObject backbone, IReadOnlyList<string> classNames, TrainingPictures? trainedOn) =>
        (_store, Head, Inputs, Features, Backbone, ClassNames, TrainedOn) = (store, head, inputs, features, backbone, classNames, trainedOn);

    public Head Head { get; }
    public HeadInputs Inputs { get; }

    /// <summary>Where it computes.</summary>
    public Device Device => _store.Device;

    /// <summary>How the features were made that it was trained on.</summary>
    public FeatureRequest Features { get; }

    /// <summary>The backbone as <see cref="Workflows.Backbone.ToJson"/> gives it.</summary>
    public JsonObject Backbone { get; }

    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>What it was trained on, where <see cref="TrainingPictures.File"/> of its training lies beside it.</summary>
    public TrainingPictures? TrainedOn { get; }

    public string BackboneSha256 => (string)Backbone["sha256"]!;

    /// <summary>Writes a head.</summary>
    /// <param name="tensors">Its parameters and buffers.</param> <param name="madeWith">Recipe and data.</param>
    public static void Write(string path, HeadInputs inputs, IEnumerable<KeyValuePair<string, Tensor>> tensors, FeatureRequest features, JsonNode backbone, IReadOnlyList<string> classNames, JsonNode madeWith) =>
        HeadFile.Write(path, inputs.Head, tensors, new Dictionary<string, string>
        {
            [FeaturesKey] = (features with { Pools = inputs.Pools, T = inputs.Head.Ts, Blocks = [.. inputs.Head.Blocks.Select(b => b.Block)] }).ToJson().ToJsonString(),
            [BackboneKey] = backbone.ToJsonString(),
            [ClassesKey] = JsonSerializer.Serialize(classNames),
            [MadeWithKey] = madeWith.ToJsonString(),
        });

    /// <param name="device">Where it is to compute: where its backbone does. Null: the processor.</param>
    /// <exception cref="HeadConfigException">The file is not a head that was trained here, or is damaged.</exception> <exception cref="CheckpointException">It cannot be read.</exception>
    public static TrainedHead Open(string path, Device? device = null)
    {
        if (!File.Exists(path))
        {
            throw new HeadConfigException($"{path}: {(Directory.Exists(path) ? $"is a folder; name the head in it, such as {Path.Combine(path, TrainHead.HeadFileName)}" : $"there is no such file; give the {TrainHead.HeadFileName} that `diffract train` wrote")}");
        }
        using var scope = new TensorScope();
        using var file = CheckpointFile.Open(path);
        var config = HeadFile.Config(file);
        try
        {
            var features = FeatureRequest.FromJson(JsonNode.Parse(file.Metadata[FeaturesKey])!);
            var backbone = JsonNode.Parse(file.Metadata[BackboneKey])!.AsObject();
            _ = (string)backbone["sha256"]!;
            var classes = JsonSerializer.Deserialize<string[]>(file.Metadata[ClassesKey])!;
            var trainSha256 = file.Metadata.TryGetValue(MadeWithKey, out var made) ? (string?)JsonNode.Parse(made)?[TrainSha256Key] : null;
            var trainedOn = trainSha256 is null ? null : TrainingPictures.Read(Path.Combine(Path.GetDirectoryName(path)!, TrainingPictures.File), trainSha256);
            var store = ParameterStore.From(file.StateDict(), device: device);
            var head = config.Build(store.Root);
            store.Verify(path, hint: () => "The file is damaged or was written by another version.");
            var inputs = HeadInputs.Choose(config, config.Ts, [.. config.Blocks.Select(b => b.Block)], config.Classes, features.Pools, name => Shape(config, name), block => Sides(config, block));
            return classes.Length == config.Classes ? new(store, head, inputs, features, backbone, classes, trainedOn)
                : throw new HeadConfigException($"{path}: {classes.Length} class names for {config.Classes} outputs; the file is damaged");
        }
        catch (Exception exception) when (exception is KeyNotFoundException or JsonException or NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new HeadConfigException($"{path}: not a head that `diffract train` wrote, or damaged: {exception.Message}");
        }
    }

    /// <summary>Refuses features or a backbone that the head was not trained on.</summary>
    /// <param name="backbone">As <see cref="Workflows.Backbone.ToJson"/> gives it, and stores keep it.</param>
    /// <exception cref="HeadConfigException">It is another file, another net of the file, or the same understood otherwise.</exception>
    public void CheckBackbone(JsonNode backbone)
    {
        if (Workflows.Backbone.Difference(Backbone, backbone) is var (fault, remedy))
        {
            throw new HeadConfigException($"this head was trained on features of {fault}. {remedy}, or train a head on this one.");
        }
    }

    /// <summary>The deepest block that the head needs of its backbone.</summary>
    public int DeepestBlock => Inputs.Head.Deepest;

    /// <summary>Gives the head the backbone that it was trained on; one with feedback runs it itself.</summary>
    /// <exception cref="HeadConfigException">It is another backbone, or on another device.</exception>
    public void Use(Backbone? backbone)
    {
        if (backbone is not null)
        {
            CheckBackbone(backbone.ToJson());
            if (backbone.Net.Device != Device)
            {
                throw new HeadConfigException($"the head is on {Device}, its backbone on {backbone.Net.Device}: open both on one device");
            }
            Head.Attach(backbone.Net);
        }
    }

    public void Dispose() => _store.Dispose();

    static long[] Shape(HeadConfig config, FeatureName name)
    {
        var spec = config.Blocks.First(b => b.Block == name.Block);
        return [spec.Channels, spec.Height, spec.Width];
    }

    static (int Height, int Width) Sides(HeadConfig config, int block)
    {
        var spec = config.Blocks.First(b => b.Block == block);
        return (spec.Height, spec.Width);
    }
}
