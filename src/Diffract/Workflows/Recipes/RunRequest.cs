using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A recipe with what it needs of the machine at hand.</summary>
public sealed record RunRequest
{
    public required Recipe Recipe { get; init; }
    /// <summary>Checkpoint; null: the recipe's.</summary>
    public string? Model { get; init; }
    /// <summary>JSON of guided-diffusion's flags, where the weights do not tell all.</summary>
    public string? ConfigPath { get; init; }
    /// <summary>Folder, archive or built-in set by name of the data set. Rows of sets that are not named are left out.</summary>
    public IReadOnlyDictionary<string, string> Data { get; init; } = new Dictionary<string, string>();
    /// <summary>Test pictures by name of the data set, where they lie elsewhere.</summary>
    public IReadOnlyDictionary<string, string> Test { get; init; } = new Dictionary<string, string>();
    /// <summary>Names of the rows to run; null: all.</summary>
    public IReadOnlyCollection<string>? Rows { get; init; }
    /// <summary>At most so many pictures of each split; null: all.</summary>
    public int? Limit { get; init; }
    /// <summary>GiB that features may take; null: no limit.</summary>
    public double? KeepLimit { get; init; }
    public Device? Device { get; init; }
    public ExtractOptions Extract { get; init; } = new();

    public string ModelName => Model ?? Recipe.Model;

    /// <summary>The pictures of a data set; null where none were given.</summary>
    /// <exception cref="PictureException">They cannot be read or split.</exception>
    public ExtractItems? Items(RecipeData data) => !Data.TryGetValue(data.Name, out var path) ? null
        : ExtractItems.Of(PictureSet.Open(path), Test.TryGetValue(data.Name, out var test) ? PictureSet.Open(test) : null, limit: Limit);

    /// <summary>The net's layout: of the checkpoint, or where it has not been fetched, of the published net of that name.</summary>
    /// <param name="isThere">Whether the checkpoint is there.</param>
    /// <exception cref="CheckpointException">Neither is known.</exception>
    public UNetLayout Layout(out bool isThere)
    {
        var (path, _) = UNetLoader.Split(ModelName);
        isThere = File.Exists(path) || path == BuiltInModel.Name || PublishedModels.Find(path) is { } fetched && File.Exists(ModelCache.PathOf(fetched));
        if (!isThere && PublishedModels.Find(path) is { Config: { } config })
        {
            return new(config);
        }
        return new(Recognised().Config);
    }

    /// <summary>Steps of the checkpoint's noise schedule.</summary>
    internal int Steps() => NoiseSchedule.Named(Recognised().Schedule).Betas.Length;

    RecognisedNet Recognised()
    {
        var (path, group) = UNetLoader.Split(ModelName);
        using var file = CheckpointFile.Open(ModelCache.Resolve(path));
        return UNetRecognizer.Recognise(file, UNetLoader.Weights(file, group), ConfigPath);
    }
}
