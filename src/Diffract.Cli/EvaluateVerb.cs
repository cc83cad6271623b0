using System.CommandLine;
using System.Text.Json;
using Diffract.Data;
using Diffract.Features;
using Diffract.Workflows;

namespace Diffract.Cli;

static class EvaluateVerb
{
    public static Command Create()
    {
        var head = new Option<string>("--head") { Description = "Trained head", Required = true, HelpName = "FILE" };
        var store = new Option<string?>("--store") { Description = "Feature store with test pictures; or pictures themselves, by --model with --test or --data", HelpName = "STORE" };
        var average = new Option<bool>("--average") { Description = "Average logits over the store's draws and views" };
        var output = new Option<string?>("--out") { Description = "Write the result as JSON, and beside it each picture's outcome, for `compare`", HelpName = "FILE" };
        var json = CommonOptions.Json();
        var (backbone, pictures) = (new BackboneOptions(modelRequired: false), new FeatureOptions(dataRequired: false));
        pictures.Data.Description = "Pictures as train takes them: the set's test part, or where it has none what --seed sets aside";
        pictures.Test.Description = "Pictures to test on: a set's test part, or all of a folder of class folders";
        pictures.Draws.Description = "Draws of noise to average over";
        Option[] ofPictures = [pictures.Data, pictures.Test, pictures.Layout, pictures.Classes, pictures.Draws, pictures.Seed, pictures.Limit, pictures.Batch, pictures.Workers, pictures.Strict];
        var verb = new Command("evaluate", "Accuracy of a trained head on every test picture of a store or of a folder; a head with feedback needs --model with a store, too") { head, store, average, output, json, backbone.Model, backbone.Config, backbone.Device };
        foreach (var option in ofPictures)
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            CheckSource(arguments, store, average, backbone, pictures, ofPictures);
            if (arguments.GetValue(output) is { } result)
            {
                CheckOut(result);
            }
            using var trained = TrainedHead.Open(arguments.GetValue(head)!, Torch.Device.Parse(arguments.GetValue(backbone.Device)!));
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var test = arguments.GetValue(store) is { } folder ? OfStore(folder) : OfPictures();
            progress.Dispose();
            if (arguments.GetValue(output) is { } path)
            {
                test.Write(path);
            }
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(test.Score, JsonOutput.Options) : Describe(test));
            return 0;

            HeadTest OfStore(string folder)
            {
                using var features = FeatureStore.Open(folder);
                using var net = arguments.GetValue(backbone.Model) is null ? null : backbone.Open(arguments, trained.DeepestBlock, trained.Features.Precision);
                return EvaluateHead.Test(trained, features, arguments.GetValue(average), Run.Cancellation, net, Note);
            }

            HeadTest OfPictures()
            {
                var items = pictures.TestItems(arguments);
                foreach (var text in items.Set.Warnings.Append(items.Decision)) { Note(text); }
                if (arguments.GetValue(pictures.Test) is null && items.Items.Any(item => item.Split == PictureSplit.Train)) { Note($"training pictures of the set are not tested; --test {arguments.GetValue(pictures.Data)} tests on all of a folder without parts"); }
                using var net = backbone.Open(arguments, trained.DeepestBlock, trained.Features.Precision);
                var test = EvaluateHead.Test(trained, net, items, arguments.GetValue(pictures.Draws), pictures.Options(arguments), progress.Report, Run.Cancellation);
                foreach (var (path, error) in test.Unreadable.Take(20)) { Console.Error.WriteLine($"left out: {StoreManifest.Named(path, error)}"); }
                return test;
            }
        });
        return verb;
    }

    // A store and pictures are two sources, of which one is asked for.
    static void CheckSource(ParseResult arguments, Option<string?> store, Option<bool> average, BackboneOptions backbone, FeatureOptions pictures, Option[] ofPictures)
    {
        var hasPictures = arguments.GetValue(pictures.Data) is not null || arguments.GetValue(pictures.Test) is not null;
        if (arguments.GetValue(store) is not null)
        {
            if (ofPictures.FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } stray)
            {
                throw new ArgumentException($"{stray.Name} is for pictures that go through the net: those of --store have. Leave it or --store out.");
            }
        }
        else if (!hasPictures || arguments.GetValue(backbone.Model) is null)
        {
            throw new ArgumentException("evaluate needs --store STORE, or --model CKPT with --test DIR (all of a folder) or --data DIR (a set's test part)");
        }
        else if (arguments.GetValue(pictures.Data) is not null && arguments.GetValue(pictures.Test) is not null)
        {
            throw new ArgumentException("--test names the pictures to test on, and --data a set whose test part is meant: give one of them");
        }
        else if (arguments.GetValue(average))
        {
            throw new ArgumentException("--average is for --store, which holds draws and views; --draws N averages pictures over N draws of noise");
        }
    }

    // Before the test, not after it.
    static void CheckOut(string path)
    {
        if (Directory.Exists(path))
        {
            throw new ArgumentException($"--out {path}: is a folder; name the file of the result, such as {Path.Combine(path, "test.json")}");
        }
        CommonOptions.RefuseOverOther("--out", path, HeadTest.FileStart);
        OutputFolder.Make(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    static void Note(string text) => Console.Error.WriteLine($"note: {text}");

    static string Describe(HeadTest test) => string.Join(Environment.NewLine, ((string?[])
    [
        TrainVerb.Line(test.Score), test.TestInTraining?.Note(test.Score),
        .. test.Score.Classes.Where(c => c.Pictures > 0).Select(c => FormattableString.Invariant($"  {c.Name,-24} {c.Hits,6} of {c.Pictures,6}  {100 * c.Accuracy,6:f2} %")),
        test.Score.Classes.Count(c => c.Pictures == 0) is > 0 and var without ? $"  {without} of the head's {test.Score.Classes.Count} classes have no test pictures" : null,
    ]).OfType<string>());
}
