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
    /// <param name="at">Folder of the result, relative to the run's.</param> <param name="choice">Null where nothing is chosen.</param>
    public JsonObject Run(RecipeJob job, ulong seed, RowChoice? choice, string at, Action<Progress>? report)
    {
        var (to, setting) = (Path.Combine(folder, at), choice?.Chosen ?? job.Row.Settings(plan.Layout).Single());
        var path = Path.Combine(to, TrainHead.ResultFile);
        if (!File.Exists(path) && job.Row.Method == RecipeMethod.Neighbours)
        {
            using var store = Open(plan.StoreOf(job, setting.Use, seed), report);
            NearestNeighbours.Run(store, Neighbours(job.Row, setting.Use), to, report, cancellation);
        }
        else if (!File.Exists(path))
        {
            Trained(job, setting, seed, report, (source, head) => TrainHead.Run(source, head, to, report, cancellation));
        }
        return RunFolder.Read(path, json =>
        {
            var result = ResultFile.Single(json.AsObject()).First(result => job.Row.Method != RecipeMethod.Neighbours || (string?)result["recipe"]!["votes"] == Votes(job.Row));
            _ = ResultFile.Entry(ResultFile.Row(job.Row.Name, job.Data.Name, null, [(seed, null, result)]), to); // all that the table needs is there
            return result;
        });
    }

    /// <summary>The row's choice among steps, blocks, pools and epochs on held-out training pictures, made with one seed; null where it has none to make.</summary>
    public RowChoice? Choose(RecipeJob job, ulong seed, Action<Progress>? report)
    {
        var settings = job.Row.Settings(plan.Layout);
        return settings.Count == 1 ? null : RowChoice.Make(Path.Combine(folder, job.Folder), settings, (setting, number, state) =>
        {
            Action<Progress>? tell = report is null ? null : progress => report(progress with { Activity = $"setting {number + 1} of {settings.Count} ({setting}): {progress.Activity}" });
            if (job.Row.Method == RecipeMethod.Neighbours)
            {
                using var store = Open(plan.StoreOf(job, setting.Use, seed), tell);
                return NearestNeighbours.Run(store, Neighbours(job.Row, setting.Use) with { OnHeldOut = true, Seed = seed }, report: tell, cancellation: cancellation).Lines.First(line => line.Votes == Votes(job.Row)).Top1;
            }
            try
            {
                return Trained(job, setting, seed, tell, (source, head) => TrainHeads.OnHeldOut(source, head, state, tell, cancellation)).HeldOutAccuracy;
            }
            catch (TrainException fault) when (fault.IsDivergence)
            {
                return 0;
            }
        });
    }

    // Trains on what the row reads: a store, or pictures that go through the net anew each epoch; for fine-tuning the whole net is loaded, in float32.
    T Trained<T>(RecipeJob job, RowSetting setting, ulong seed, Action<Progress>? report, Func<HeadSource, TrainHeadRequest, T> train)
    {
        var (row, use, head) = (job.Row, setting.Use, Head(job.Row, setting, seed));
        var feedback = head.Head as FeedbackHeadConfig;
        if (row.ReadsStore)
        {
            using var store = Open(plan.StoreOf(job, use, seed), report);
            using var net = feedback is null ? null : Backbone.Open(request.ModelName, request.ConfigPath, row.Features.Precision, request.Device, feedback.Deepest);
            return train(new StoreSource(store, net, request.Device), head);
        }
        var tunes = row.Method == RecipeMethod.FineTune;
        using var backbone = Backbone.Open(request.ModelName, request.ConfigPath, tunes ? DType.Float32 : row.Features.Precision, request.Device, tunes ? null : feedback?.Deepest ?? use.Blocks[^1]);
        var features = Request(row.Features, use with { Blocks = head.Blocks! }, plan.Layout);
        var tuning = tunes ? new BackboneTuning(backbone, use.Blocks[^1], row.Tuning) : null;
        using var source = new LiveSource(backbone, Items(job.Data, seed), features, new() { Crop = row.Features.Crop ?? HeadRecipes.Crop(row.Training.Recipe), Flip = row.Features.Flip }, request.Extract, tuning);
        return train(source, head);
    }

    TrainHeadRequest Head(RecipeRow row, RowSetting setting, ulong seed)
    {
        var (use, head) = (setting.Use, row.TrainedFor(setting.Use, plan.Layout));
        var blocks = head is FeedbackHeadConfig feedback ? feedback.FirstPassBlocks : use.Blocks;
        return new(head, row.RecipeFor(head, seed, setting.Epochs) with { IsComparedWhole = setting.Epochs is not null }) { T = use.T, Blocks = blocks, Subset = row.Training.Subset, AverageLooks = row.Features.Average };
    }

    static string Votes(RecipeRow row) => row.Neighbours.Majority ? "majority" : "weighted";

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
