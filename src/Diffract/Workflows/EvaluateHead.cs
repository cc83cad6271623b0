using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>A picture and what a head says of it.</summary>
/// <param name="Probabilities">Of each class, in the head's order.</param>
public sealed record Prediction(string Picture, IReadOnlyList<float> Probabilities, string? Error = null)
{
    /// <summary>Classes from the most to the least probable.</summary>
    public IEnumerable<(int Class, float Probability)> Ranked => Probabilities.Select((p, i) => (i, p)).OrderByDescending(pair => pair.p).ThenBy(pair => pair.i);
}

/// <summary>A trained head's accuracy on pictures of a store or a set.</summary>
/// <param name="AveragedLooks">Views and draws whose logits were averaged; 1: none were.</param> <param name="TestSha256">As <see cref="PictureOutcomes.TestSha256"/>.</param>
/// <param name="Features">How the store, or what was computed in its place, was made.</param> <param name="Outcomes">Of each picture.</param>
public sealed record HeadTest(HeadConfig Head, Score Score, int AveragedLooks, string TestSha256, JsonObject Features, PictureOutcomes Outcomes)
{
    /// <summary>How a file of it begins.</summary>
    public static readonly string FileStart = $"{{{Environment.NewLine}  \"head\": {{";

    /// <summary>Pictures that the head was trained on; null where that is not known: see <see cref="TrainedHead.TrainedOn"/>.</summary>
    public TestOverlap? TestInTraining { get; init; }

    /// <summary>Pictures that could not be read and had no part, path and why; of a store its manifest tells.</summary>
    public IReadOnlyList<(string Path, string Error)> Unreadable { get; init; } = [];

    /// <summary>Writes what <see cref="ResultFile.Read"/> reads, and each picture's outcome beside it: "eval.outcomes.safetensors" beside "eval.json".</summary>
    public void Write(string path)
    {
        var outcomes = $"{Path.GetFileNameWithoutExtension(path)}.{PictureOutcomes.File}";
        Outcomes.Write(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, outcomes));
        var unreadable = Unreadable.Select(failure => StoreManifest.Named(failure.Path, failure.Error));
        AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(
            new { head = Head.ToJson(), score = Score, averagedLooks = AveragedLooks, testSha256 = TestSha256, testInTraining = TestInTraining, unreadable, outcomes, features = Features }, HeadResult.Json));
    }
}

/// <summary>A trained head on pictures that it has not seen.</summary>
public static class EvaluateHead
{
    /// <summary>Accuracy on the test rows of a store, or on all of one without splits.</summary>
    /// <param name="averageLooks">Average logits over the store's views and draws.</param>
    /// <exception cref="HeadConfigException">The store was made with another backbone, or the head's outputs are not finite.</exception>
    /// <exception cref="FeatureStoreException">It was made at another size or for another class, lacks what the head reads, or labels, or holds features that are not finite.</exception>
    /// <exception cref="PictureException">It has pictures of a class that the head does not know; classes are matched by name.</exception>
    /// <param name="backbone">Built as far as the head needs; for a head with feedback only.</param> <param name="note">Called with what differs from the head's training and may move the result a little.</param>
    public static Score Run(TrainedHead head, FeatureStore store, bool averageLooks = false, CancellationToken cancellation = default, Backbone? backbone = null, Action<string>? note = null) =>
        Test(head, store, averageLooks, cancellation, backbone, note).Score;

    /// <summary>As <see cref="Run"/>, with how it was made, for a file that `compare` reads.</summary>
    /// <inheritdoc cref="Run"/>
    public static HeadTest Test(TrainedHead head, FeatureStore store, bool averageLooks = false, CancellationToken cancellation = default, Backbone? backbone = null, Action<string>? note = null)
    {
        head.CheckBackbone(store.Manifest.How["model"]!);
        CheckMaking(head.Features, store, note);
        var rows = store.RowsOf(PictureSplit.Test) is { Length: > 0 } test ? test : store.RowsOf(PictureSplit.None, PictureSplit.Validation);
        if (rows.Length == 0 || rows.Any(row => store.Labels[row] < 0))
        {
            throw new FeatureStoreException($"{store.Folder}: {rows.Length} rows to evaluate on, of which {rows.Count(row => store.Labels[row] < 0)} have no label");
        }
        var source = new StoreSource(store, backbone, head.Device, head.ClassNames);
        var looks = averageLooks ? source.TestLooks : [source.TestLooks[0]];
        store.Require([.. from key in head.Inputs.Head.Keys from look in looks select head.Inputs.Name(key, look.View.Flip ? 1 : 0, look.Draw)]);
        head.Use(backbone);
        return Test(head, source, rows, averageLooks, report: null, cancellation);
    }

    /// <summary>Accuracy on the test pictures of a set, which go through the backbone as those that the head was trained on did; nothing is stored.</summary>
    /// <param name="backbone">The head's, on the same device, built as far as the head needs.</param> <param name="items">The test part of them is used; classes are matched by name.</param>
    /// <param name="draws">Draws of noise that logits are averaged over.</param>
    /// <exception cref="HeadConfigException">It is another backbone, or the head's outputs are not finite.</exception>
    /// <exception cref="PictureException">A picture has a class that the head does not know; with <see cref="ExtractOptions.Strict"/>: one cannot be read.</exception>
    /// <exception cref="FeatureStoreException">Features are not finite.</exception>
    public static HeadTest Test(TrainedHead head, Backbone backbone, ExtractItems items, int draws = 1, ExtractOptions? options = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        options ??= new();
        options.Check();
        head.CheckBackbone(backbone.ToJson());
        head.Use(backbone);
        items = (items with { Items = [.. items.Items.Where(item => item.Split == PictureSplit.Test)] }).WithClasses(head.ClassNames);
        using var source = new LiveSource(backbone, items, head.Features with { Draws = draws }, new(), options);
        var test = Test(head, source, source.RowsOf(PictureSplit.Test), averageLooks: true, report, cancellation, options.Strict);
        return test with { Unreadable = source.Failures, Features = Extract.How(backbone, items, source.Request) };
    }

    static HeadTest Test(TrainedHead head, HeadSource source, int[] rows, bool averageLooks, Action<Progress>? report, CancellationToken cancellation, bool strict = false)
    {
        List<int> seen = [];
        var accuracy = HeadEvaluation.Run(source, head.Inputs, rows, maps => head.Head.Forward(maps, training: false), averageLooks, report, cancellation, (_, batch) =>
        {
            seen.AddRange(batch);
            if (strict && source.Failures is [var (path, error), ..]) { throw new PictureException(StoreManifest.Named(path, error)); }
        });
        if (accuracy.Undecided > 0)
        {
            throw new HeadConfigException($"the head gives NaN or infinity for {accuracy.Undecided} of {accuracy.Pictures} pictures of {source.Name}, whose features are finite: its file is damaged, or its training diverged. Train it again.");
        }
        var outcomes = PictureOutcomes.Of(source, seen, accuracy.Outcomes!);
        return new(head.Inputs.Head, Score.Of(accuracy, head.ClassNames), averageLooks ? source.TestLooks.Count : 1, outcomes.TestSha256, source.How, outcomes) { TestInTraining = head.TrainedOn?.In(outcomes) };
    }

    /// <summary>Probabilities for picture files.</summary>
    /// <param name="draws">Draws of noise that logits are averaged over.</param>
    /// <returns>In the order of the paths; a picture that cannot be read, or for which net or head give no finite numbers, has an error and no probabilities.</returns>
    public static IEnumerable<Prediction> Predict(TrainedHead head, Backbone backbone, IEnumerable<string> paths, int draws = 1) =>
        Predict(head, backbone, paths.Select(path => (path, (Func<byte[]>)(() => ReadFile(path)))), draws);

    /// <summary>Probabilities for pictures of a set; otherwise as the form for files.</summary>
    /// <param name="items">Their places in the set.</param> <param name="draws">Draws of noise that logits are averaged over.</param>
    public static IEnumerable<Prediction> Predict(TrainedHead head, Backbone backbone, PictureSet set, IEnumerable<int> items, int draws = 1) =>
        Predict(head, backbone, items.Select(item => (set.Items[item].Path, (Func<byte[]>)(() => set.ReadBytes(item)))), draws);

    static byte[] ReadFile(string path) => File.Exists(path) ? File.ReadAllBytes(path)
        : throw new PictureException(Directory.Exists(path) ? $"{path}: is a folder; name the picture files in it" : $"{path}: there is no such file");

    // Pictures of another size, or told another class, are other features; rounding and the turning of some pictures are small changes.
    static void CheckMaking(FeatureRequest trained, FeatureStore store, Action<string>? note)
    {
        static string Class(int? label) => label is { } c ? $"class {c}" : "no class";
        var made = store.Request;
        if ((made.Height, made.Width, made.Class) != (trained.Height, trained.Width, trained.Class))
        {
            throw new FeatureStoreException($"{store.Folder} was made at {made.Height}x{made.Width} pixels with {Class(made.Class)}, the head was trained at {trained.Height}x{trained.Width} with {Class(trained.Class)}; extract the pictures as those it was trained on");
        }
        if (made.Precision != trained.Precision)
        {
            note?.Invoke($"{store.Folder} was computed in {made.Precision}, what the head was trained on in {trained.Precision}");
        }
        if (made.Exif != trained.Exif)
        {
            note?.Invoke($"{store.Folder} {(made.Exif == ExifPolicy.Apply ? "has pictures turned upright, what the head was trained on has not" : "has pictures as they are stored, what the head was trained on has them turned upright")} (EXIF)");
        }
    }

    static IEnumerable<Prediction> Predict(TrainedHead head, Backbone backbone, IEnumerable<(string Path, Func<byte[]> Read)> pictures, int draws)
    {
        head.CheckBackbone(backbone.ToJson());
        head.Use(backbone);
        var request = head.Features with { Draws = draws, Flip = false };
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Named(backbone.Schedule));
        var extractor = new FeatureExtractor(backbone.Net, diffusion, request);
        foreach (var (path, read) in pictures)
        {
            yield return One(head, extractor, path, read);
        }
    }

    static Prediction One(TrainedHead head, FeatureExtractor extractor, string path, Func<byte[]> read)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var request = extractor.Request;
        try
        {
            var file = read();
            var picture = Preprocess.CenterCrop(ImageDecoder.Decode(file, path, request.Exif), request.Height, request.Width);
            var x0 = Aten.Empty([1, 3, request.Height, request.Width]);
            Preprocess.Normalise(picture.Rgb, x0.Span<float>());
            var maps = new Dictionary<FeatureName, Tensor>();
            extractor.Extract(x0, [ContentHash.Of(file)], (name, map) =>
                maps[name] = NotFinite.FirstRow(map) is null ? scope.Adopt(map.To(head.Device).Clone().Keep()) : throw new FeatureStoreException(NotFinite.Made(name)));
            var logits = Enumerable.Range(0, request.Draws).Select(draw => head.Head.Forward(head.Inputs.Head.Keys.ToDictionary(key => key, key => maps[head.Inputs.Name(key, 0, draw)]), training: false)).Aggregate((a, b) => a + b);
            var probabilities = (logits / request.Draws).Softmax(1).ToArray<float>();
            return Array.TrueForAll(probabilities, float.IsFinite) ? new(path, probabilities)
                : new(path, [], "the head gives NaN or infinity for finite features: its file is damaged, or its training diverged. Train it again.");
        }
        catch (Exception exception) when (exception is PictureException or FeatureStoreException or IOException or UnauthorizedAccessException)
        {
            return new(path, [], exception.Message);
        }
    }
}
