using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>
/// Pictures that go through the backbone anew each epoch, with a view and a draw of noise of that epoch. The backbone is frozen,
/// or is trained together with the head.
/// </summary>
public sealed class LiveSource : HeadSource, IDisposable
{
    readonly Backbone _backbone;
    readonly ExtractItems _items;
    readonly LiveConfig _config;
    readonly GaussianDiffusion _diffusion;
    readonly FeatureExtractor _extractor;
    readonly LivePictures _pictures;
    readonly BackboneTuning? _tuning;
    readonly int _pass;

    /// <param name="backbone">At least as far as the deepest block.</param>
    /// <param name="request">t, blocks, size, seed of the noise; its draws are those that a test averages over. Pools are as a head needs them.</param>
    /// <param name="options">Threads, and pictures a pass where the backbone is frozen.</param> <param name="tuning">Trains the backbone; null: it is frozen.</param>
    public LiveSource(Backbone backbone, ExtractItems items, FeatureRequest request, LiveConfig config, ExtractOptions? options = null, BackboneTuning? tuning = null)
    {
        options ??= new();
        (_backbone, _items, _config, _tuning, _pass) = (backbone, items, config, tuning, options.BatchFor(request));
        Request = request with { Pools = [0], Flip = false };
        _diffusion = new(NoiseSchedule.Named(backbone.Schedule));
        _extractor = new(tuning?.Net ?? backbone.Net, _diffusion, Request);
        _pictures = new(items, Request, options.Workers);
        Labels = [.. items.Items.Select(item => (long)items.Set.Items[item.Item].Class)];
        Splits = [.. items.Items.Select(item => item.Split)];
        Files = [.. items.Items.Select(item => items.Set.Items[item.Item].Path)];
    }

    public override string Name => _items.Set.Name;
    public override IReadOnlyList<string> ClassNames => _items.Set.ClassNames;
    public override IReadOnlyList<long> Labels { get; }
    public override IReadOnlyList<PictureSplit> Splits { get; }
    public override IReadOnlyList<string> Files { get; }
    public override string Decision => _items.Decision;
    public override FeatureRequest Request { get; }
    public override Device Device => _extractor.Device;
    public override UNet Net => _tuning?.Net ?? _backbone.Net;
    public override bool RunsNet => true;
    public override int TestBatch => Math.Max(_pass, 64);
    public override IReadOnlyList<(PictureView View, int Draw)> TestLooks => [.. Enumerable.Range(0, Request.Draws).Select(draw => (default(PictureView), draw))];
    public override IReadOnlyList<(string Path, string Error)> Failures => _pictures.Failures;

    public override JsonObject How
    {
        get
        {
            var how = Extract.How(_backbone, _items, Request);
            how["training"] = _config.ToJson();
            how["tuning"] = _tuning?.Config.ToJson();
            return how;
        }
    }

    public override ContentHash HashOf(int row) => _pictures.HashOf(row);

    public override HeadInputs Complete(HeadConfig head, IReadOnlyList<int>? ts, IReadOnlyList<int>? blocks) =>
        HeadInputs.Choose(head, ts ?? Request.T, blocks ?? Request.Blocks, ClassNames.Count, pools: null,
            name => Request.Shape(name, _extractor.Layout), block => Request.Whole(block, _extractor.Layout));

    public override RowLook TrainingLook(int row, long epoch, ulong seed) => new(row, _config.View(Chance(row, epoch, seed)), checked((int)epoch));

    public override IEnumerable<HeadBatch> Load(HeadInputs inputs, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default) =>
        LoadFor([inputs], looks, sizes, cancellation).Select(batch => new HeadBatch(batch.Rows, batch.Maps[0], batch.Labels));

    public override IEnumerable<SharedBatch> LoadFor(IReadOnlyList<HeadInputs> heads, IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default)
    {
        if (_tuning is not null && heads.Any(inputs => inputs != heads[0]))
        {
            throw new TrainException($"{Name}: a net is trained together with one head at a time");
        }
        foreach (var batch in _pictures.Load(looks, sizes, cancellation))
        {
            var maps = Maps(heads, batch);
            if (_tuning is null)                                                           // a net that is trained may diverge, which its loss shows
            {
                Check(batch, maps);
            }
            yield return new(batch.Rows, [.. heads.Select(inputs => Of(inputs, maps))], LabelsOf(batch.Rows));
        }
    }

    void Check(PictureRows batch, IReadOnlyDictionary<FeatureName, Tensor> maps)
    {
        foreach (var (name, map) in maps)
        {
            if (NotFinite.FirstRow(map) is { } at)
            {
                throw new FeatureStoreException($"{Files[batch.Rows[at]]}: {NotFinite.Made(name)}");
            }
        }
    }

    /// <summary>The maps that a head reads. Gradients of the backbone are recorded where it is trained and they are on.</summary>
    public IReadOnlyDictionary<FeatureKey, Tensor> Maps(HeadInputs inputs, PictureRows batch) => Of(inputs, Maps([inputs], batch));

    static IReadOnlyDictionary<FeatureKey, Tensor> Of(HeadInputs inputs, IReadOnlyDictionary<FeatureName, Tensor> maps) => inputs.Head.Keys.ToDictionary(key => key, key => maps[inputs.Name(key)]);

    // Those that any of the heads reads, each made once.
    IReadOnlyDictionary<FeatureName, Tensor> Maps(IReadOnlyList<HeadInputs> heads, PictureRows batch)
    {
        if (_tuning is not null && GradMode.IsOn)
        {
            _tuning.Net.Training = true;
            return Pass(heads, batch.X0, batch.Noise);
        }
        using var off = GradMode.Off();
        if (_tuning is not null)
        {
            _tuning.Net.Training = false;
        }
        using var scope = new TensorScope();
        var parts = new List<IReadOnlyDictionary<FeatureName, Tensor>>();
        for (var at = 0; at < batch.Rows.Length; at += _pass)
        {
            var count = Math.Min(_pass, batch.Rows.Length - at);
            parts.Add(Pass(heads, batch.X0.Narrow(0, at, count), [.. batch.Noise.Skip(at).Take(count)]));
        }
        return parts[0].Keys.ToDictionary(name => name, name => scope.Return(parts.Count == 1 ? parts[0][name] : Aten.Cat([.. parts.Select(part => part[name])], 0)));
    }

    IReadOnlyDictionary<FeatureName, Tensor> Pass(IReadOnlyList<HeadInputs> heads, Tensor x0, IReadOnlyList<PictureNoise> noise)
    {
        using var scope = new TensorScope();
        var maps = new Dictionary<FeatureName, Tensor>();
        foreach (var step in heads.SelectMany(inputs => inputs.Head.Keys.Select(key => inputs.Name(key))).Distinct().GroupBy(name => name.T))
        {
            var read = step.ToLookup(name => name.Block);
            var input = _extractor.Noised(x0, noise, step.Key);
            Run(input, heads[0].Head, step.Max(name => name.Block), (b, h) =>
            {
                foreach (var name in read[b])
                {
                    maps[name] = Pooling.Average(h, name.Pool).Keep();
                }
                return h;
            });
        }
        return maps.ToDictionary(pair => pair.Key, pair => scope.Adopt(pair.Value));
    }

    // In fine-tuning with feedback the first pass is differentiated as far as the second is the same: from there on its maps are constants, as in the released code.
    void Run(NetInput input, HeadConfig head, int last, UNet.BlockHook hook)
    {
        if (_tuning is null || !GradMode.IsOn || head is not FeedbackHeadConfig feedback)
        {
            Net.Run(input.X, input.T, input.Y, last, hook);
            return;
        }
        using var scope = new TensorScope();
        var shared = FeedbackExtractor.FirstTo(feedback.Feedback);
        var needed = UNetState.Needs(Net.Layout, shared, last).ToHashSet();
        var outputs = new Dictionary<int, Tensor>();
        Net.Run(input.X, input.T, input.Y, shared, (b, h) =>
        {
            if (needed.Contains(b))
            {
                outputs[b] = h.Detach().Keep();
            }
            return hook(b, h);
        });
        using var off = GradMode.Off();
        Net.Run(new UNetState(shared, outputs.ToDictionary(pair => pair.Key, pair => scope.Adopt(pair.Value))), input.T, input.Y, last, hook);
    }

    public override IReadOnlyList<ParameterGroup> Trained(double weightDecay) => _tuning?.Groups(weightDecay) ?? [];

    public override IEnumerable<KeyValuePair<string, Tensor>> State => _tuning?.State ?? [];

    public override void Restore() => _tuning?.Restore();

    public override JsonNode Save(string folder) => _tuning?.Save(folder, How) ?? base.Save(folder);

    public void Dispose() => _diffusion.Dispose();
}
