using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Accuracy of heads on rows of a source, in the source's first look or averaged over all of them.</summary>
static class HeadEvaluation
{
    /// <param name="logits">(N, classes) for maps.</param> <param name="take">Called with each batch's logits and rows; may be null.</param>
    public static Accuracy Run(HeadSource source, HeadInputs inputs, int[] rows, Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor> logits, bool average = false, Action<Progress>? report = null, CancellationToken cancellation = default, Action<Tensor, int[]>? take = null)
    {
        var accuracy = NewCount(inputs);
        ForEachBatch(source, [inputs], [maps => logits(maps).Unsqueeze(1)], rows, average, report, cancellation, (_, mean, labels, batch) =>
        {
            accuracy.Add(mean.Select(1, 0), labels);
            take?.Invoke(mean.Select(1, 0), batch);
        });
        return accuracy;
    }

    /// <summary>Accuracy of every candidate of every trainee; each batch is loaded once.</summary>
    /// <param name="seen">Receives the rows in the order of the outcomes: those that could be read; may be null.</param>
    public static IReadOnlyList<(Trainee Trainee, IReadOnlyList<Accuracy> Candidates)> Run(HeadSource source, IReadOnlyList<Trainee> trainees, int[] rows, bool average = false, Action<Progress>? report = null, CancellationToken cancellation = default, List<int>? seen = null)
    {
        Accuracy[][] counts = [.. trainees.Select(trainee => trainee.Candidates.Select(_ => NewCount(trainee.Inputs)).ToArray())];
        ForEachBatch(source, [.. trainees.Select(trainee => trainee.Inputs)], [.. trainees.Select(trainee => (Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor>)trainee.Logits)], rows, average, report, cancellation, (i, mean, labels, batch) =>
        {
            if (i == 0)
            {
                seen?.AddRange(batch);
            }
            for (var k = 0; k < counts[i].Length; k++)
            {
                counts[i][k].Add(mean.Select(1, k), labels);
            }
        });
        return [.. trainees.Select((trainee, i) => (trainee, (IReadOnlyList<Accuracy>)counts[i]))];
    }

    static Accuracy NewCount(HeadInputs inputs) => new(inputs.Head.Classes, Math.Min(5, inputs.Head.Classes)) { Outcomes = new() };

    // take gets a head's place, its mean logits (N, K, classes) over the looks, labels and rows.
    static void ForEachBatch(HeadSource source, IReadOnlyList<HeadInputs> heads, IReadOnlyList<Func<IReadOnlyDictionary<FeatureKey, Tensor>, Tensor>> logits, int[] rows, bool average, Action<Progress>? report, CancellationToken cancellation, Action<int, Tensor, Tensor, int[]> take)
    {
        using var off = GradMode.Off();
        var meter = new ProgressMeter("test", "pictures", 0, rows.Length, report);
        var views = average ? source.TestLooks : [source.TestLooks[0]];
        var count = Math.Max(1, (rows.Length + source.TestBatch - 1) / source.TestBatch);
        var parts = rows.Chunk(Math.Max(1, (rows.Length + count - 1) / count)).ToList();   // of like sizes: a last one of a single picture would be lost with it
        RowLook[] looks = [.. from part in parts from look in views from row in part select new RowLook(row, look.View, look.Draw)];
        using var batches = source.LoadFor(heads, looks, parts.SelectMany(part => Enumerable.Repeat(part.Length, views.Count)), cancellation).GetEnumerator();
        long done = 0;
        for (var part = 0; part < parts.Count; part++)
        {
            using var scope = new TensorScope();
            var sums = new Tensor?[heads.Count];
            for (var look = 0; look < views.Count && batches.MoveNext(); look++)
            {
                for (var i = 0; i < heads.Count; i++)
                {
                    var some = logits[i](batches.Current.Maps[i]);
                    sums[i] = sums[i] is { } sum ? sum + some : some;
                }
            }
            for (var i = 0; i < heads.Count; i++)
            {
                take(i, (views.Count == 1 ? sums[i]! : sums[i]! / views.Count).To(Device.Cpu), batches.Current.Labels.To(Device.Cpu), batches.Current.Rows);
            }
            meter.Report(done += parts[part].Length);
        }
    }
}
