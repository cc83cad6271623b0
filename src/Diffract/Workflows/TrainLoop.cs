using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What the loop needs to know; what is trained, on what and how comes in as functions.</summary>
public sealed record TrainLoopConfig
{
    /// <summary>Named in progress and errors.</summary>
    public required string Activity { get; init; }
    /// <summary>Optimiser steps in all.</summary>
    public required long Steps { get; init; }
    /// <summary>From the step (from 0) to the learning rate.</summary>
    public required Func<long, double> LearningRate { get; init; }
    /// <summary>Losses of a step, each of which is differentiated in its turn and added up (gradient accumulation).</summary>
    public int Accumulate { get; init; } = 1;
    /// <summary>Steps between lines of metrics and calls of evaluate.</summary>
    public long LogEvery { get; init; } = 50;
    /// <summary>Steps between saved states.</summary>
    public long SaveEvery { get; init; } = 500;
    /// <summary>Where the state and metrics.jsonl are kept; null keeps nothing.</summary>
    public string? Folder { get; init; }
    /// <summary>What must be equal for a saved state to be taken up again; see <see cref="TrainLoop.Run"/>.</summary>
    public string Fingerprint { get; init; } = "";
}

/// <summary>The one training loop: probing, fine-tuning, pre-training pass their functions.</summary>
public static class TrainLoop
{
    public const string StateFile = "state.safetensors", MetricsFile = "metrics.jsonl";

    /// <summary>
    /// Trains from where the folder's state ends to the last step. What is random in a step must follow from its number, so that
    /// a run that is killed and started again ends with the same weights.
    /// </summary>
    /// <param name="config">Length, learning rate, where to save.</param>
    /// <param name="optimizer">Over the parameters.</param>
    /// <param name="state">Everything that training changes, by name: parameters, buffers, averages.</param>
    /// <param name="loss">From (step, part of the accumulation) to a scalar that is differentiated.</param>
    /// <param name="afterStep">Called with the number of each step taken, for averages; may be null.</param>
    /// <param name="evaluate">Figures to log beside the loss, as (name, value); may be null.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the state is saved first, unless losses since the last line were not finite.</exception>
    /// <exception cref="TrainException">The loss is not finite, or the folder holds another run.</exception>
    public static void Run(TrainLoopConfig config, Optimizer optimizer, IReadOnlyList<KeyValuePair<string, Tensor>> state, Func<long, int, Tensor> loss,
        Action<long>? afterStep = null, Func<IEnumerable<(string Name, double Value)>>? evaluate = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var outer = new TensorScope();
        IReadOnlyList<KeyValuePair<string, Tensor>> everything = [.. state, .. optimizer.State.Select(pair => new KeyValuePair<string, Tensor>("optimizer." + pair.Key, pair.Value))];
        var first = config.Folder is null ? 0 : Resume(config, everything);
        var meter = new ProgressMeter(config.Activity, "steps", first, config.Steps, report);
        var sum = Aten.Zeros([]);
        var summed = 0;
        for (var step = first; step < config.Steps; step++)
        {
            if (cancellation.IsCancellationRequested)
            {
                if (double.IsFinite(sum.Item()))                                           // as below
                {
                    Save(config, everything, step);
                }
                cancellation.ThrowIfCancellationRequested();
            }
            optimizer.LearningRate = config.LearningRate(step);
            for (var part = 0; part < config.Accumulate; part++)
            {
                using var scope = new TensorScope();
                var value = loss(step, part) / config.Accumulate;
                value.Backward();
                sum.Add_(value.Detach().To(Device.Cpu));
            }
            optimizer.Step(step);
            afterStep?.Invoke(step);
            summed++;
            var save = (step + 1) % config.SaveEvery == 0 || step + 1 == config.Steps;
            if (save || (step + 1) % config.LogEvery == 0)                                 // a state is saved only after its loss was seen to be finite
            {
                var mean = sum.Item() / summed;
                Log(config, step + 1, mean, optimizer.LearningRate, evaluate?.Invoke());
                sum.Zero_();
                summed = 0;
                meter.Report(step + 1, string.Create(CultureInfo.InvariantCulture, $"loss {mean:f4}"));
            }
            if (save)
            {
                Save(config, everything, step + 1);
            }
        }
    }

    /// <summary>The step at which a folder's state goes on; 0 where there is none.</summary>
    /// <exception cref="CheckpointException">The state file is damaged.</exception>
    public static long StepOf(string folder)
    {
        var path = Path.Combine(folder, StateFile);
        if (!File.Exists(path))
        {
            return 0;
        }
        using var file = CheckpointFile.Open(path);
        return long.TryParse(file.Metadata.GetValueOrDefault("step"), out var step) ? step : 0;
    }

    static long Resume(TrainLoopConfig config, IReadOnlyList<KeyValuePair<string, Tensor>> everything)
    {
        Directory.CreateDirectory(config.Folder!);
        var path = Path.Combine(config.Folder!, StateFile);
        if (!File.Exists(path))
        {
            return 0;
        }
        using var file = CheckpointFile.Open(path);
        if (file.Metadata.GetValueOrDefault("fingerprint") != config.Fingerprint || !long.TryParse(file.Metadata.GetValueOrDefault("step"), out var step))
        {
            var (there, here) = Differing(file.Metadata.GetValueOrDefault("fingerprint", ""), config.Fingerprint);
            throw new TrainException($"{path} is of another run: it was made with {there}, this run has {here}. Choose another folder, or delete this one to begin anew.");
        }
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        foreach (var (name, tensor) in everything)
        {
            tensor.Copy_(file.Get(name).ToTensor());
        }
        CutMetrics(config, step);
        return step;
    }

    // Where two fingerprints begin to differ, from the word before on.
    static (string, string) Differing(string a, string b)
    {
        var same = a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count();
        var start = same == 0 ? 0 : a.LastIndexOfAny([' ', ',', '{'], same - 1) + 1;
        string Part(string text) => $"{(start > 0 ? "..." : "")}{text[start..Math.Min(text.Length, same + 60)]}{(same + 60 < text.Length ? "..." : "")}";
        return (Part(a), Part(b));
    }

    static void Save(TrainLoopConfig config, IReadOnlyList<KeyValuePair<string, Tensor>> everything, long step)
    {
        if (config.Folder is not null)
        {
            SafetensorsWriter.Write(Path.Combine(config.Folder, StateFile), everything.Select(pair => pair.Value.ToEntry(pair.Key)),
                new Dictionary<string, string> { ["step"] = step.ToString(CultureInfo.InvariantCulture), ["fingerprint"] = config.Fingerprint });
        }
    }

    static void Log(TrainLoopConfig config, long step, double loss, double learningRate, IEnumerable<(string Name, double Value)>? figures)
    {
        if (!double.IsFinite(loss))
        {
            throw new TrainException($"{config.Activity}: the loss is {loss} at step {step} with a learning rate of {learningRate.ToString(CultureInfo.InvariantCulture)}. Try a smaller one; the last saved state is untouched.") { IsDivergence = true };
        }
        if (config.Folder is null)
        {
            return;
        }
        var line = new JsonObject { ["step"] = step, ["loss"] = loss, ["learningRate"] = learningRate };
        foreach (var (name, value) in figures ?? [])
        {
            line[name] = value;
        }
        File.AppendAllText(Path.Combine(config.Folder, MetricsFile), line.ToJsonString() + "\n");
    }

    // Lines after the resumed step belong to work that is done again.
    static void CutMetrics(TrainLoopConfig config, long step)
    {
        var path = Path.Combine(config.Folder!, MetricsFile);
        if (File.Exists(path))
        {
            var kept = File.ReadLines(path).Where(line => LoggedStep(line) <= step).ToList();
            AtomicFile.Write(path, System.Text.Encoding.UTF8.GetBytes(string.Concat(kept.Select(line => line + "\n"))));
        }
    }

    // A line that was cut off by a kill has no step.
    static long LoggedStep(string line)
    {
        try
        {
            return JsonNode.Parse(line)?["step"]?.GetValue<long>() ?? long.MaxValue;
        }
        catch (JsonException)
        {
            return long.MaxValue;
        }
    }
}

/// <summary>Training cannot go on; the message says why and what to do.</summary>
public sealed class TrainException(string message) : Exception(message)
{
    /// <summary>The loss, or what was trained, is no longer finite: other settings may do.</summary>
    public bool IsDivergence { get; init; }
}
