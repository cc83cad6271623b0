using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Features;
using Diffract.Heads;

namespace Diffract.Workflows;

/// <summary>A head that an earlier run left in a folder: what is asked for, or another one that is not to be lost by a slip of the folder's name.</summary>
static class FinishedHead
{
    const int MostNamed = 4;

    /// <summary>The earlier result, where it is what is asked for; null where there is none, or its weights are gone: then it is trained anew in its place.</summary>
    /// <param name="train">Rows of the training pictures.</param> <param name="test">Likewise.</param>
    /// <exception cref="TrainException">It is another one, or that cannot be told; the message says what differs.</exception>
    public static HeadResult? Find(HeadSource source, TrainHeadRequest request, HeadConfig head, int[] train, int[] test, string folder, Action<Progress>? report, CancellationToken cancellation)
    {
        var file = Path.Combine(folder, TrainHead.ResultFile);
        if (!File.Exists(file))
        {
            return null;
        }
        var earlier = Read(file);
        if (Differences(source, request, head, earlier) is { Count: > 0 } differences)
        {
            throw new TrainException($"{file} is a finished result {string.Join("; ", differences.Take(MostNamed))}{(differences.Count > MostNamed ? "; ..." : "")}. Choose another --out, or delete it.");
        }
        if (!IsWhole(earlier, folder))
        {
            return null;
        }
        if (earlier.TrainSha256 is null || earlier.Unreadable.Count > 0)
        {
            throw new TrainException($"{file} is a finished result, {(earlier.TrainSha256 is null ? "and an earlier version did not keep which pictures it saw" : $"without {earlier.Unreadable.Count:n0} of the pictures, which could not be read")}: whether it is what is asked for cannot be told. Choose another --out, or delete it.");
        }
        return (Sha256(source, train, report, cancellation), Sha256(source, test, report, cancellation)) == (earlier.TrainSha256, earlier.TestSha256) ? earlier with { AlreadyThere = true }
            : throw new TrainException($"{file} is a finished result of the same files with other contents: pictures have changed since. Choose another --out, or delete it.");
    }

    static HeadResult Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<HeadResult>(File.ReadAllBytes(file), HeadResult.Json) ?? throw new JsonException("it is empty");
        }
        catch (JsonException exception)
        {
            throw new TrainException($"{file} is not the result of a training, or damaged ({exception.Message}). Choose another --out, or delete it.");
        }
    }

    static IReadOnlyList<string> Differences(HeadSource source, TrainHeadRequest request, HeadConfig head, HeadResult earlier)
    {
        var (mine, theirs) = (source.How, earlier.Features);
        string Text(JsonNode? how, string part, string key) => (string?)how?[part]?[key] ?? "unknown";
        string Model(JsonNode? how) => $"{Text(how, "model", "name")} (SHA-256 {Text(how, "model", "sha256")[..Math.Min(12, Text(how, "model", "sha256").Length)]}...)";
        if (Text(theirs, "model", "sha256") != Text(mine, "model", "sha256"))
        {
            return [$"of {Model(theirs)}, this head would be of {Model(mine)}"];           // that all else differs goes without saying
        }
        if (Text(theirs, "data", "listSha256") != Text(mine, "data", "listSha256"))
        {
            return [$"of other pictures of {Text(theirs, "data", "name")}"];
        }
        var differences = StoreManifest.Differences(
            Facts(head.ToJson(), request.Recipe.ToJson(), TrainedOn(request), AveragedLooks(source, request), mine),
            Facts(earlier.Head, earlier.Recipe, earlier.TrainedOn, earlier.AveragedLooks, theirs));
        return [.. differences.Select((text, i) => (i == 0 ? "of another training: " : "") + text.Replace(" in the store, ", " there, ", StringComparison.Ordinal))];
    }

    /// <summary>All training pictures, or which of them.</summary>
    public static string TrainedOn(TrainHeadRequest request) => request.Subset?.ToString() ?? "all training pictures";

    /// <summary>Views and draws that are averaged at the test.</summary>
    public static int AveragedLooks(HeadSource source, TrainHeadRequest request) => request.AverageLooks ? source.TestLooks.Count : 1;

    // Names of files and folders, and what only tells where settings come from, do not make another training.
    static JsonObject Facts(JsonNode head, JsonNode recipe, string trainedOn, int averagedLooks, JsonNode features)
    {
        var facts = JsonNode.Parse(new JsonObject
        {
            ["head"] = head.DeepClone(), ["recipe"] = recipe.DeepClone(), ["trainedOn"] = trainedOn, ["averagedLooks"] = averagedLooks, ["features"] = features.DeepClone(),
        }.ToJsonString())!.AsObject();                                                     // read back, so that numbers compare with those of a file
        facts["recipe"]!.AsObject().Remove("about");
        facts["features"]!.AsObject().Remove("data");
        facts["features"]!.AsObject().Remove("batch");
        facts["features"]!["model"]!.AsObject().Remove("name");
        return facts;
    }

    static bool IsWhole(HeadResult earlier, string folder) => File.Exists(Path.Combine(folder, TrainHead.HeadFileName))
        && (earlier.Features["tuning"] is null || File.Exists(Path.Combine(folder, BackboneTuning.ModelFile)));

    // Null where pictures cannot be read.
    static string? Sha256(HeadSource source, int[] rows, Action<Progress>? report, CancellationToken cancellation)
    {
        try
        {
            return TrainingPictures.Of(source, rows, report, cancellation).Sha256;
        }
        catch (PictureException)
        {
            return null;
        }
    }
}
