using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Exact counts on a set of pictures, as result files hold them.</summary>
/// <param name="Pictures">Evaluated pictures: all of the split.</param> <param name="Low">Of the 95 % interval of top-1 (Wilson).</param>
public sealed record Score(long Pictures, long Top1Hits, double Top1, double Low, double High, long Top5Hits, double Top5, IReadOnlyList<ClassScoreLine> Classes, long[][] Confusion)
{
    public static Score Of(Accuracy accuracy, IReadOnlyList<string> names)
    {
        var confusion = accuracy.Confusion();
        return new(accuracy.Pictures, accuracy.Hits, accuracy.Top1, accuracy.Top1Interval.Low, accuracy.Top1Interval.High, accuracy.HitsTopK, accuracy.TopK,
            [.. accuracy.PerClass.Select((c, i) => new ClassScoreLine(names[i], c.Pictures, c.Hits, c.Pictures == 0 ? null : c.Accuracy))],
            [.. Enumerable.Range(0, names.Count).Select(row => Enumerable.Range(0, names.Count).Select(column => confusion[row, column]).ToArray())]);
    }
}

/// <summary>One class of a score; its accuracy is null where it has no pictures.</summary>
public sealed record ClassScoreLine(string Name, long Pictures, long Hits, double? Accuracy);

/// <summary>A candidate that was tried on held-out training pictures.</summary>
public sealed record CandidateLine(double LearningRate, double WeightDecay, double HeldOutAccuracy);

/// <summary>result.json: what came out, and how it was made.</summary>
public sealed record HeadResult
{
    public required string Kind { get; init; }
    public required Score Test { get; init; }
    /// <summary>Trained values: of the head, and of the net where it was fine-tuned.</summary>
    public required long Parameters { get; init; }
    public IReadOnlyList<CandidateLine> Candidates { get; init; } = [];
    public CandidateLine? Chosen { get; init; }
    public required int TrainPictures { get; init; }
    /// <summary>All training pictures, or which of them.</summary>
    public string TrainedOn { get; init; } = "all training pictures";
    /// <summary>How the choice was made, and that the test pictures had no part in it.</summary>
    public required string Choice { get; init; }
    public required string Splits { get; init; }
    /// <summary>Test pictures that were trained on.</summary>
    public TestOverlap? TestInTraining { get; init; }
    /// <summary>Of the training pictures and their labels; null in results of earlier versions.</summary>
    public string? TrainSha256 { get; init; }
    /// <summary>Of the test pictures and their labels, whatever their order; see <see cref="PictureOutcomes"/>.</summary>
    public string? TestSha256 { get; init; }
    public required JsonNode Recipe { get; init; }
    public required JsonNode Head { get; init; }
    public required JsonNode Features { get; init; }
    /// <summary>The backbone that the head belongs to; after fine-tuning the tuned one.</summary>
    public required JsonNode Backbone { get; init; }
    /// <summary>Views and draws that were averaged at the test.</summary>
    public int AveragedLooks { get; init; } = 1;
    /// <summary>Pictures that could not be read and had no part: path and why.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];

    /// <summary>The folder held this result already, and nothing was trained.</summary>
    [JsonIgnore]
    public bool AlreadyThere { get; init; }

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, Json));

    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };
}
