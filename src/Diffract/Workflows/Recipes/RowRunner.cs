using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Runs rows of a recipe, each by the workflow of its method; stores are extracted when a row first needs them.</summary>
sealed class RowRunner(RunRequest request, RecipePlan plan, IReadOnlyDictionary<string, ExtractItems> items, string folder, CancellationToken cancellation)
{
    readonly HashSet<string> _extracted = [];

    /// <summary>The row's result with one seed: that of an earlier run, where there is one.</summary>
    /// <param name="at">Folder of the result, relative to the run's.</param> <param name="choice">Of steps, blocks and pool; null where nothing is chosen.</param>
    public JsonObject Run(RecipeJob job, ulong seed, FeatureChoice? choice, string at, Action<Progress>? report)
    {
        var path = Path.Combine(folder, at, TrainHead.ResultFile);
        if (!File.Exists(path))
        {
            var use = choice?.Chosen ?? job.Row.Uses(plan.Layout).Single();
            if (job.Row.ReadsStore)
            {
                using var store = Open(plan.StoreOf(job, use, seed), report);
                FromStore(store, job, use, seed, Path.Combine(folder, at), report);
            }
            else
            {
                Live(job, use, seed, Path.Combine(folder, at), report);
            }
        }
        var votes = job.Row.Neighbours.Majority ? "majority" : "weighted";
        return ResultFile.Single(JsonNode.Parse(File.ReadAllBytes(path))!.AsObject()).First(result => job.Row.Method != RecipeMethod.Neighbours || (string?)result["recipe"]!["votes"] == votes);
    }

    /// <summary>The row's choice among steps, blocks and pools on held-out training pictures, made with one seed; null where it has none to make.</summary>
    public FeatureChoice? Choose(RecipeJob job, ulong seed, Action<Progress>? report)
    {
        var path = Path.Combine(folder, job.Folder, FeatureChoice.File);
        if (job.Row.Choose is null)
        {
            return null;
        }
        if (FeatureChoice.Read(path) is { } earlier)
        {
            return earlier;
        }
        var choice = FeatureChoice.Make(job.Row.Uses(plan.Layout), use => Open(plan.StoreOf(job, use, seed), report), (store, use) => job.Row.Method == RecipeMethod.Neighbours
            ? NearestNeighbours.Run(store, Neighbours(job.Row, use) with { OnHeldOut = true, Seed = seed }, report: report, cancellation: cancellation).Lines.First(line => line.Votes == (job.Row.Neighbours.Majority ? "majority" : "weighted")).Top1
            : TrainHeads.OnHeldOut(new StoreSource(store, device: request.Device), Head(job.Row, use, seed), report, cancellation).HeldOutAccuracy);
        choice.Write(path);
        return choice;
    }

    void FromStore(FeatureStore store, RecipeJob job, FeatureUse use, ulong seed, string at, Action<Progress>? report)
    {
        if (job.Row.Method == RecipeMethod.Neighbours)
        {
            NearestNeighbours.Run(store, Neighbours(job.Row, use), at, report, cancellation);
            return;
        }
        var head = Head(job.Row, use, seed);
        using var backbone = head.Head is FeedbackHeadConfig feedback ? Backbone.Open(request.ModelName, request.ConfigPath, job.Row.Features.Precision, request.Device, feedback.Deepest) : null;
        TrainHead.Run(new StoreSource(store, backbone, request.Device), head, at, report, cancellation);
    }

    // Pictures go through the net anew each epoch; for fine-tuning the whole net is loaded, in float32.
    void Live(RecipeJob job, FeatureUse use, ulong seed, string at, Action<Progress>? report)
    {
        var (row, tunes, head) = (job.Row, job.Row.Method == RecipeMethod.FineTune, Head(job.Row, use, seed));
        var deepest = head.Head is FeedbackHeadConfig feedback ? feedback.Deepest : use.Blocks[^1];
        using var backbone = Backbone.Open(request.ModelName, request.ConfigPath, tunes ? DType.Float32 : row.Features.Precision, request.Device, tunes ? null : deepest);
        var features = Request(row.Features, use with { Blocks = head.Blocks! }, plan.Layout);
        var tuning = tunes ? new BackboneTuning(backbone, use.Blocks[^1], row.Tuning) : null;
        using var source = new LiveSource(backbone, Items(job.Data, seed), features, new() { Crop = row.Features.Crop, Flip = row.Features.Flip }, request.Extract, tuning);
        TrainHead.Run(source, head, at, report, cancellation);
    }

    TrainHeadRequest Head(RecipeRow row, FeatureUse use, ulong seed)
    {
        var head = row.TrainedFor(use, plan.Layout);
        var blocks = head is FeedbackHeadConfig feedback ? feedback.FirstPassBlocks : use.Blocks;
        return new(head, row.RecipeFor(head, seed)) { T = use.T, Blocks = blocks, Subset = row.Training.Subset, AverageLooks = row.Features.Average };
    }

    NeighboursRequest Neighbours(RecipeRow row, FeatureUse use) => new()
    {
        Knn = new Knn { K = [row.Neighbours.K], Temperature = row.Neighbours.Temperature, Device = request.Device ?? Device.Cpu }, T = use.T, Blocks = use.Blocks, Pools = [use.Pool], AverageLooks = row.Features.Average,
    };

    static FeatureRequest Request(RecipeFeatures features, FeatureUse use, UNetLayout layout)
    {
        var side = features.Size ?? layout.Config.ImageSize;
        return new() { T = use.T, Blocks = use.Blocks, Pools = [0], Draws = features.Draws, Height = side, Width = side, Seed = features.Seed, Precision = features.Precision };
    }

    FeatureStore Open(StorePlan store, Action<Progress>? report)
    {
        var (at, pictures) = Place(store);
        if (_extracted.Add(store.Folder))
        {
            using var backbone = Backbone.Open(request.ModelName, request.ConfigPath, store.Request.Precision, request.Device, store.Request.Blocks[^1]);
            Extract.Run(backbone, pictures, store.Request, at, request.Extract, report, cancellation);
        }
        return FeatureStore.Open(at);
    }

    // A store that an earlier run made for other rows may hold these maps too, of the same pictures or of all.
    (string Folder, ExtractItems Pictures) Place(StorePlan store)
    {
        var (at, beside, all) = (Path.Combine(folder, store.Folder), Path.GetDirectoryName(Path.Combine(folder, store.Folder))!, Items(store.Data, store.Subset ?? 0));
        var wanted = store.Listed?.Narrow(all, seed: 0) ?? all;
        if (Directory.Exists(at) || !Directory.Exists(beside))
        {
            return (at, wanted);
        }
        foreach (var pictures in (ExtractItems[])(store.Listed is null ? [all] : [wanted, all]))
        {
            if (Directory.EnumerateDirectories(beside).Order(StringComparer.Ordinal).FirstOrDefault(other => Holds(other, store.Request, pictures)) is { } other)
            {
                return (other, pictures);
            }
        }
        return (at, wanted);
    }

    static bool Holds(string store, FeatureRequest request, ExtractItems pictures) => File.Exists(Path.Combine(store, StoreManifest.File)) && StoreManifest.Read(store) is { Complete: true } manifest
        && manifest.Request.Holds(request) && (string?)manifest.How["data"]!["listSha256"] == pictures.ListHash();

    ExtractItems Items(RecipeData data, ulong seed) => data.Share is { } share and < 1 ? items[data.Name].Fewer(share, seed) : items[data.Name];
}
