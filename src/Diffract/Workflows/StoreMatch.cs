using System.Text.Json.Nodes;
using Diffract.Features;

namespace Diffract.Workflows;

/// <summary>Whether a folder's store is the one that is asked for.</summary>
static class StoreMatch
{
    /// <summary>The store that the folder holds; null where it holds none.</summary>
    /// <param name="items">The pictures that are asked for.</param> <param name="how">All that is asked for, as manifests say it.</param>
    /// <exception cref="FeatureStoreException">It holds one that does not serve; the message says what differs.</exception>
    public static StoreManifest? Find(string folder, ExtractItems items, JsonObject how)
    {
        if (!File.Exists(Path.Combine(folder, StoreManifest.File)))
        {
            return null;
        }
        var existing = StoreManifest.Read(folder);
        var faults = Faults(how.DeepClone().AsObject(), existing.How.DeepClone().AsObject(), existing, () => StoredList.Difference(folder, existing, items));
        var unfinished = existing.Complete ? "" : " It is not finished, and goes on with exactly what it was begun with.";
        return faults.Count == 0 ? existing
            : throw new FeatureStoreException($"{folder} holds other features: {string.Join("; ", faults.Take(6))}.{unfinished} Choose another folder, or delete this one.");
    }

    // What a file or a folder is called, and how many pictures a batch has, does not change the features.
    static List<string> Faults(JsonObject mine, JsonObject theirs, StoreManifest existing, Func<string> list)
    {
        var (asked, faults) = (FeatureRequest.FromJson(mine["features"]!), new List<string>());
        if (!Same("data", "listSha256"))
        {
            faults.Add($"data: another list of pictures, {theirs["data"]!["pictures"]} in the store, {mine["data"]!["pictures"]} asked for{(list() is { Length: > 0 } difference ? $": {difference}" : "")} (files that came or went, another folder, --limit or --seed?)");
        }
        if (!Same("model", "sha256"))
        {
            return [$"model.sha256: {Model(theirs)} in the store, {Model(mine)} asked for", .. faults]; // that all else differs goes without saying
        }
        Leave("data");
        Leave("batch");
        if (existing.Complete)
        {
            Leave("program");                                                               // a newer version makes the same features, to what rounding allows
            Leave("libtorch");
            faults.AddRange(existing.Request.Lacks(asked).Select(lack => $"features.{lack}"));
            Leave("features");
        }
        foreach (var side in (JsonObject[])[mine, theirs])
        {
            side["model"]!.AsObject().Remove("name");
        }
        return [.. faults, .. StoreManifest.Differences(mine, theirs)];

        bool Same(string part, string key) => JsonNode.DeepEquals(mine[part]![key], theirs[part]![key]);

        void Leave(string part)
        {
            mine.Remove(part);
            theirs.Remove(part);
        }
    }

    static string Model(JsonObject how) => $"{how["model"]!["name"]} ({((string)how["model"]!["sha256"]!)[..12]}...)";
}
