using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Reports;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How a U-Net is pre-trained on unlabelled pictures.</summary>
public sealed record PretrainConfig
{
    public required UNetConfig Net { get; init; }
    /// <summary>A checkpoint of the same net, whose weights are the first, as <see cref="UNetLoader.Open"/> takes it; null: random ones.</summary>
    public string? From { get; init; }
    /// <summary>Pictures seen in all, repeats counted.</summary>
    public long Pictures { get; init; } = 400_000;
    public int BatchSize { get; init; } = 128;
    /// <summary>Peak of AdamW's learning rate, after the warm-up; it then falls along half a cosine.</summary>
    public double LearningRate { get; init; } = 4e-4;
    public int WarmupSteps { get; init; } = 200;
    public double WeightDecay { get; init; }
    /// <summary>Decay of the average of the weights, which is what is saved as the model.</summary>
    public double EmaDecay { get; init; } = 0.999;
    public string NoiseSchedule { get; init; } = "linear";
    /// <summary>float32, or bfloat16 for the maps and products; the weights that are trained stay float32.</summary>
    public DType Precision { get; init; } = DType.BFloat16;
    public ulong Seed { get; init; }
    /// <summary>Mirrors half of the pictures.</summary>
    public bool Flip { get; init; } = true;
    /// <summary>Pictures held out of training, on which the loss of fixed noise is measured as training goes on.</summary>
    public int HeldOut { get; init; } = 256;
    public long LogEvery { get; init; } = 50;
    public long SaveEvery { get; init; } = 250;

    public long Steps => (Pictures + BatchSize - 1) / BatchSize;

    /// <summary>What must be equal for a run to be taken up again.</summary>
    public string Fingerprint(string data) => string.Create(CultureInfo.InvariantCulture,
        $"pretrain {data} net={Net.ToJson().ToJsonString()} pictures={Pictures} batch={BatchSize} lr={LearningRate} warmup={WarmupSteps} decay={WeightDecay} ema={EmaDecay} schedule={NoiseSchedule} precision={Precision} seed={Seed} flip={Flip} heldout={HeldOut}");
}

/// <summary>Teaches a U-Net to predict noise, without labels (Ho et al. 2020).</summary>
public static class Pretrain
{
    public const string ModelFile = "model.safetensors", CurveFile = "curve.svg";

    /// <summary>Trains into a folder: state, metrics.jsonl and at the end the model; a run that was stopped is taken up where it was.</summary>
    /// <param name="config">Net and recipe.</param> <param name="set">Its training pictures, or all where it has no splits.</param> <param name="folder">Made where it is missing.</param>
    /// <returns>The model's path.</returns>
    /// <exception cref="PictureException">There are too few pictures.</exception> <exception cref="TrainException">The folder holds another run.</exception>
    /// <exception cref="CheckpointException">The checkpoint to start from is of another net.</exception>
    public static string Run(PretrainConfig config, PictureSet set, string folder, Device? device = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        using var scope = new TensorScope();
        Torch.Torch.ManualSeed(config.Seed);
        using var store = ParameterStore.New(device);
        var net = new UNet(store.Root, config.Net) { ComputeType = config.Precision };
        var pictures = new PretrainPictures(set, config);
        var fingerprint = config.Fingerprint($"{set.Name} list={pictures.Sha256()[..16]}") + (config.From is { } from ? $" from={Start(store, from)}" : "");
        net.Training = true;
        store.RequireGrad(true);
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(config.NoiseSchedule));
        using var optimizer = new AdamW([new([.. store.Parameters.Values], WeightDecay: config.WeightDecay)]);
        using var ema = new Ema(store.All, config.EmaDecay);
        var held = pictures.HeldOut(store.Device);

        using var claim = OutputFolder.Claim(folder);
        var loop = new TrainLoopConfig
        {
            Activity = "pretrain", Steps = config.Steps, LearningRate = LearningRate.WarmupCosine(config.LearningRate, config.WarmupSteps, config.Steps),
            LogEvery = config.LogEvery, SaveEvery = config.SaveEvery, Folder = folder, Fingerprint = fingerprint,
        };
        using var batches = pictures.From(TrainLoop.StepOf(folder), cancellation);
        Tensor Loss(long step, int part)
        {
            var x0 = batches.Next(step, store.Device);                                     // (N, 3, H, W)
            Torch.Torch.ManualSeed(Seeds.Of(config.Seed, (ulong)step, purpose: 1));
            return Pretrain.Loss(net, diffusion, x0);
        }
        TrainLoop.Run(loop, optimizer, [.. Prefixed("model.", store.All), .. Prefixed("ema.", ema.Average)], Loss, ema.Update,
            () => [("heldOutLoss", HeldOutLoss(net, diffusion, held, config.Seed))], report, cancellation);

        var path = Path.Combine(folder, ModelFile);
        UNetFile.Write(path, config.Net, config.NoiseSchedule, ema.Average.Select(pair => pair.Value.ToEntry(pair.Key)),
            new Dictionary<string, string> { ["diffract.made_with"] = fingerprint });
        DrawCurve(folder);
        return path;
    }

    // Takes a checkpoint's weights over. Returns its SHA-256.
    static string Start(ParameterStore store, string model)
    {
        var (path, group) = UNetLoader.Split(model);
        using var file = CheckpointFile.Open(ModelCache.Resolve(path));
        store.Load(UNetLoader.Weights(file, group));
        return file.Sha256;
    }

    // The losses of metrics.jsonl, for people.
    static void DrawCurve(string folder)
    {
        var lines = File.ReadLines(Path.Combine(folder, TrainLoop.MetricsFile)).Select(line => JsonNode.Parse(line)!).ToList();
        Series Of(string name, string key) => new(name, [.. lines.Where(line => line[key] is not null).Select(line => ((double)line["step"]!, (double)line[key]!))]);
        new LineChart { Title = "Pre-training", XLabel = "step", YLabel = "mean squared error of the noise", YScale = Scale.Log, Series = [Of("training", "loss"), Of("held out, fixed noise", "heldOutLoss")] }
            .Draw().Save(Path.Combine(folder, CurveFile));
    }

    // Of random steps and noise.
    internal static Tensor Loss(UNet net, GaussianDiffusion diffusion, Tensor x0)
    {
        var t = Aten.RandInt(0, diffusion.Steps, [x0.Size(0)], x0.Device);
        var noise = Aten.Randn(x0.Shape, DType.Float32, x0.Device);
        return GaussianDiffusion.NoiseLoss(net.Forward(diffusion.QSample(x0, t, noise), t), noise);
    }

    // The same pictures, steps and noise each time, so that the figure moves only with the weights.
    static double HeldOutLoss(UNet net, GaussianDiffusion diffusion, Tensor held, ulong seed)
    {
        if (held.Size(0) == 0)
        {
            return 0;
        }
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        net.Training = false;
        Torch.Torch.ManualSeed(Seeds.Of(seed, 0, purpose: 2));
        var sum = 0.0;
        for (long at = 0; at < held.Size(0); at += 64)
        {
            using var part = new TensorScope();
            var x0 = held.Narrow(0, at, Math.Min(64, held.Size(0) - at));
            sum += Loss(net, diffusion, x0).Item() * x0.Size(0);
        }
        net.Training = true;
        return sum / held.Size(0);
    }

    static IEnumerable<KeyValuePair<string, Tensor>> Prefixed(string prefix, IEnumerable<KeyValuePair<string, Tensor>> tensors) =>
        tensors.Select(pair => new KeyValuePair<string, Tensor>(prefix + pair.Key, pair.Value));
}
