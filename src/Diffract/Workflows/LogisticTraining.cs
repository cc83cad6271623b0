using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Fits linear heads to their optimum, on all rows of a source at once, each in every view and draw that is at hand.</summary>
sealed class LogisticTraining(HeadSource source, Action<Progress>? report, CancellationToken cancellation)
{
    const int TileRows = 4096;

    /// <summary>Fits each candidate with its weight decay as the penalty, the strongest first. Nothing is random; a fit that was stopped is made anew.</summary>
    /// <param name="trainee">Linear; receives the fitted weights.</param> <param name="folder">Receives metrics.jsonl; null keeps none.</param>
    /// <exception cref="ArgumentException">A penalty is not above 0, or the source makes features anew for each look.</exception>
    /// <exception cref="TrainException">The rows do not fit in memory, or hold values that are not finite.</exception>
    public void Fit(StackedTrainee trainee, int[] rows, string? folder)
    {
        if (trainee.Candidates.FirstOrDefault(c => !(c.Setting.WeightDecay > 0)) is { Setting: { } none })
        {
            throw new ArgumentException($"a penalty (weight decay) of {none.WeightDecay}: logistic regression needs one above 0, since without it separable classes have no optimum");
        }
        if (source is LiveSource)
        {
            throw new ArgumentException($"{source.Name}: logistic regression is fitted to features that stay as they are; extract them into a store, or train with another recipe");
        }
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        using var regression = Start(trainee, rows);
        var meter = new ProgressMeter("fit linear", "penalties", 0, trainee.Candidates.Count, report);
        var lines = new StringBuilder();
        var done = 0;
        foreach (var (place, candidate) in trainee.Candidates.Index().OrderByDescending(c => c.Item.Setting.WeightDecay))
        {
            using var inner = new TensorScope();
            var penalty = candidate.Setting.WeightDecay;
            var fitted = regression.Fit(penalty, (iteration, loss) =>
            {
                lines.AppendLine(new JsonObject { ["penalty"] = penalty, ["step"] = iteration, ["loss"] = loss }.ToJsonString());
                meter.Report(done, string.Create(CultureInfo.InvariantCulture, $"iteration {iteration}, loss {loss:f4}"));
            }, cancellation).ToDictionary(pair => pair.Key, pair => pair.Value);
            foreach (var (name, tensor) in trainee.Tensors(place))
            {
                tensor.Copy_(fitted[name]);
            }
            meter.Report(++done);
        }
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            AtomicFile.Write(Path.Combine(folder, TrainLoop.MetricsFile), Encoding.UTF8.GetBytes(lines.ToString()));
        }
    }

    LogisticRegression Start(StackedTrainee trainee, int[] rows)
    {
        var (x, labels) = Vectors(trainee, rows);
        try
        {
            return new(trainee.Linear, x, labels);
        }
        catch (ArgumentException exception)
        {
            throw new TrainException($"{source.Name}: {exception.Message}");
        }
    }

    // (rows x looks, inputs) and (rows x looks).
    (Tensor X, Tensor Labels) Vectors(StackedTrainee trainee, int[] rows)
    {
        using var scope = new TensorScope();
        RowLook[] looks = [.. from look in source.TestLooks from row in rows select new RowLook(row, look.View, look.Draw)];
        var bytes = sizeof(float) * looks.Length * trainee.Linear.Inputs;
        if (bytes > (Machine.Read().UsableMemory ?? long.MaxValue) / 2)
        {
            throw new TrainException($"{source.Name}: {rows.Length} rows in {source.TestLooks.Count} views and draws with {trainee.Linear.Inputs} values each are {bytes >> 20} MiB, too much to fit at once. " +
                "Train with gradient steps instead (--recipe default --lr 1e-4,1e-3,1e-2), with a smaller --pool, or on fewer pictures (--per-class).");
        }
        var (x, labels) = (Aten.Empty([looks.Length, trainee.Linear.Inputs], device: source.Device), Aten.Empty([looks.Length], DType.Int64, source.Device));
        long at = 0;
        using var batches = source.Load(trainee.Inputs, looks, looks.Chunk(TileRows).Select(tile => tile.Length), cancellation).GetEnumerator();
        while (true)
        {
            using var tile = new TensorScope();
            if (!batches.MoveNext())
            {
                break;
            }
            var batch = batches.Current;
            x.Narrow(0, at, batch.Rows.Length).Copy_(trainee.Linear.Vector(batch.Maps));
            labels.Narrow(0, at, batch.Rows.Length).Copy_(batch.Labels);
            at += batch.Rows.Length;
        }
        return (scope.Return(x.Narrow(0, 0, at)), scope.Return(labels.Narrow(0, 0, at))); // fewer where pictures could not be read
    }
}
