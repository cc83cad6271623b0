using System.Globalization;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A head that is trained beside others.</summary>
/// <param name="Name">Of its folder, and in tables.</param>
public sealed record PlannedHead(string Name, TrainHeadRequest Request);

/// <summary>Many heads on one source: those of equal recipes (but for learning rates and weight decays) are trained in one pass, which loads each batch once for all.</summary>
public static class TrainHeads
{
    /// <summary>Trains the heads; each ends as it would have ended alone. Where the folder holds all heads of a pass already, they are left and their results returned.</summary>
    /// <param name="folder">Receives for each head a folder of its name, as <see cref="TrainHead"/> fills it, but for metrics.jsonl, which is there once for each pass with the sum of the losses.</param>
    /// <param name="memory">Bytes for weights, gradients and the optimiser's state of what is trained at once; null: half of what this process can hope for, or 4 GiB on a GPU. Heads that need more are trained in several passes.</param>
    /// <exception cref="ArgumentException">Two heads have one name, or a recipe is out of range.</exception> <inheritdoc cref="TrainHead.Run(HeadSource, TrainHeadRequest, string, Action{Progress}?, CancellationToken)" path="/exception"/>
    public static IReadOnlyList<HeadResult> Run(HeadSource source, IReadOnlyList<PlannedHead> heads, string folder, long? memory = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        if (heads.GroupBy(head => head.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"two heads are named '{twice.Key}'; give each a name of its own");
        }
        foreach (var head in heads) { head.Request.Recipe.Check(); }
        var test = TrainHead.Rows(source, "test", PictureSplit.Test);
        TrainHead.TrainRows(source, heads[0].Request, test);                              // a fault of the pictures is said before one of the heads
        var passes = Passes(source, heads);
        var train = passes.ToDictionary(pass => pass, pass => TrainHead.TrainRows(source, pass.Request, test));
        var results = new Dictionary<string, HeadResult>();
        using var claim = heads.All(head => File.Exists(Path.Combine(folder, head.Name, TrainHead.ResultFile))) ? null : OutputFolder.Claim(folder);
        foreach (var (pass, (name, request, inputs)) in passes.SelectMany(pass => pass.Heads.Select(head => (pass, head))))
        {
            if (FinishedHead.Find(source, request, inputs.Head, train[pass], test, Path.Combine(folder, name), report, cancellation) is { } finished) { results[name] = finished; }
        }
        var open = passes.Index().Where(pass => !pass.Item.Heads.All(head => results.ContainsKey(head.Name))).ToList();
        using var late = open.Count > 0 && claim is null ? OutputFolder.Claim(folder) : null; // results are there, weights are not
        foreach (var (index, pass) in open)
        {
            var run = passes.Count == 1 ? "run" : string.Create(CultureInfo.InvariantCulture, $"run-{index}");
            foreach (var (name, result) in pass.Run(train[pass], test, results.Keys.ToHashSet(), folder, run, memory ?? DefaultMemory(source), report, cancellation))
            {
                results[name] = result;
            }
        }
        return [.. heads.Select(head => results[head.Name])];
    }

    /// <summary>A head's candidates on held-out training pictures, for a choice of more than learning rate and weight decay; the test pictures are not used.</summary>
    /// <param name="folder">Receives the state of what costs passes of the net, which is the caller's to delete; null keeps none.</param> <returns>The best.</returns> <inheritdoc cref="TrainHead.Run(HeadSource, TrainHeadRequest, string, Action{Progress}?, CancellationToken)" path="/exception"/>
    public static CandidateLine OnHeldOut(HeadSource source, TrainHeadRequest request, string? folder = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        var train = TrainHead.TrainRows(source, request, []);
        return Passes(source, [new("", request)])[0].OnHeldOut(train, folder, DefaultMemory(source), report, cancellation).MaxBy(line => line.HeldOutAccuracy)!;
    }

    /// <summary>What training them will take.</summary>
    public static HeadsEstimate Estimate(HeadSource source, IReadOnlyList<PlannedHead> heads, long? memory = null)
    {
        var parts = Passes(source, heads).SelectMany(pass => pass.Choosing(memory ?? DefaultMemory(source)).Concat(pass.Final(memory ?? DefaultMemory(source)))).ToList();
        return new(heads.Count, heads.Sum(head => head.Request.Recipe.Candidates.Count), parts.Count, parts.Max(part => part.Bytes));
    }

    static long DefaultMemory(HeadSource source) => source.Device.IsCpu ? (Machine.Read().UsableMemory ?? 4L << 30) / 2 : 4L << 30;

    static IReadOnlyList<HeadPass> Passes(HeadSource source, IReadOnlyList<PlannedHead> heads) =>
        [.. heads.Select(head => (head.Name, head.Request, Inputs: source.Complete(head.Request.Head, head.Request.T, head.Request.Blocks)))
            .GroupBy(head => Shared(head.Request)).Select(same => new HeadPass(source, [.. same]))];

    // What heads must have in common to see the same batches.
    static string Shared(TrainHeadRequest request)
    {
        var recipe = (request.Recipe with { Name = "", About = "", LearningRates = [], WeightDecays = [] }).ToJson();
        var norms = request.Recipe.Accumulate > 1 && request.Head.NormsOverBatch;           // of others the batch comes in parts
        return $"{recipe.ToJsonString()} {request.Subset} {request.AverageLooks} {norms}";
    }
}

/// <summary>Before heads are trained.</summary>
/// <param name="Candidates">Heads times the learning rates and weight decays that are tried on each.</param> <param name="Passes">Trainings, in each of which the source is read once an epoch.</param>
/// <param name="Bytes">The most that weights, gradients and the optimiser's state take at once; activations of a batch come on top.</param>
public sealed record HeadsEstimate(int Heads, int Candidates, int Passes, long Bytes)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Heads} heads, {Candidates} candidates, trained in {Passes} passes over the features; weights, gradients and moments take up to {Bytes / (double)(1 << 20):n0} MiB at once");
}
