using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

static class TrainVerb
{
    public static Command Create()
    {
        var (backbone, features, head, subset, look) = (new BackboneOptions(modelRequired: false), new FeatureOptions(dataRequired: false), new HeadOptions(), new SubsetOptions(), new LiveOptions());
        var feedback = new FeedbackOptions();
        var store = new Option<string?>("--store") { Description = "Feature store to train from; instead of it --model and --data extract one first, into OUT/features", HelpName = "STORE" };
        var live = new Option<bool>("--live") { Description = "Keep no store: pictures of --data go through --model anew each epoch, with fresh noise, mirrored by chance" };
        var (output, json) = (CommonOptions.Out("Folder for head.safetensors and result.json"), CommonOptions.Json());
        var verb = new Command("train", "Train a head on features, and test it on every test picture") { store, live, output, json };
        foreach (var option in head.All.Concat(feedback.All).Concat(subset.All).Concat(look.All).Concat(backbone.All).Concat(features.All))
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            RefuseStray(arguments);
            features.RefuseInto(arguments, arguments.GetValue(output)!);
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var folder = arguments.GetValue(output)!;
            IReadOnlyList<(string Name, HeadResult Result)> results = head.HasFeedback(arguments) ? [("", WithFeedback(arguments, folder, progress))] : arguments.GetValue(live) ? Live(arguments, folder, progress) : FromStore(arguments, folder, progress);
            progress.Dispose();
            Show(results, folder, arguments.GetValue(json));
            return 0;
        });
        return verb;

        // Options that what is asked for has no use for are refused rather than passed over.
        void RefuseStray(ParseResult arguments)
        {
            var (isLive, isFed, isKept) = (arguments.GetValue(live), head.HasFeedback(arguments), arguments.GetValue(store) is not null);
            head.RefuseTwice(arguments);
            Refuse(!isFed, $"is for --head {FeedbackOptions.Kind}", [.. feedback.All]);
            Refuse(isFed, $"is not for --head {FeedbackOptions.Kind}, which reads whole maps; --head-config FILE describes the head behind the feedback", head.Hidden, head.Grid, features.Pool);
            Refuse(!isFed && !head.HasMlp(arguments), "is for --head mlp", head.Hidden);
            Refuse(!isLive, "is for --live: a store holds centre crops (and mirrored ones with --views flip)", [.. look.All]);
            Refuse((isLive && arguments.GetValue(head.Grid) is null || isKept) && !isFed && !head.TakesPool(arguments), HeadOptions.NoPool, features.Pool);
            Refuse(isLive && !arguments.GetValue(head.Average), LiveOptions.DrawsOfTests, features.Draws);
            Refuse(isLive, "is not for --live, which trains from pictures: give --model and --data", store);
            Refuse(isLive, "is for a store, and --live keeps none", features.Views, features.Store, features.TrustPictures, feedback.Room);
            Refuse(isKept, "is for pictures that go through the net: those of --store have", features.Test, features.Layout, features.Classes, features.Views, features.Draws, features.Size, features.Limit, features.Store, features.IgnoreExif,
                features.Batch, features.Workers, features.Strict, features.TrustPictures, feedback.Room, features.Class, backbone.Precision, features.Data);
            Refuse(isKept && !isFed, "is for pictures that go through the net: those of --store have", backbone.Model, backbone.Config, backbone.PackedMemory);

            void Refuse(bool isStray, string why, params Option[] options)
            {
                if (isStray && options.FirstOrDefault(option => Given(arguments, option)) is { } stray) { throw new ArgumentException($"{stray.Name} {why}"); }
            }
        }

        IReadOnlyList<(string Name, HeadResult Result)> FromStore(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            var (path, few) = arguments.GetValue(store) is { } kept ? (kept, subset.Value(arguments)) : ExtractFirst(arguments, Path.Combine(folder, "features"), progress);
            using var open = FeatureStore.Open(path);
            var pool = PixelStore.SideOf(open) ?? (open.Request.Pools.Contains(HeadOptions.UsualPool) ? HeadOptions.UsualPool : open.Request.Pools[0]);
            var plan = Plan(arguments, open.Request.T, NamedHead.MapsOf(open), pool, few, choose: true);
            if (arguments.GetValue(store) is not null && plan.Any(head => head.Request is { T: null, Blocks: null }) && open.Request.T.Count * open.Request.Blocks.Count > 1)
            {
                Console.Error.WriteLine($"{path} holds t {string.Join(", ", open.Request.T)} and blocks {string.Join(", ", open.Request.Blocks)}: a head reads them all together; --t and --blocks name some");
            }
            return Trained(new StoreSource(open, device: Torch.Device.Parse(arguments.GetValue(backbone.Device)!)), plan, folder, progress);
        }

        IReadOnlyList<(string Name, HeadResult Result)> Trained(HeadSource source, IReadOnlyList<PlannedHead> plan, string folder, ConsoleProgress progress)
        {
            if (plan.Count == 1)
            {
                return [("", TrainHead.Run(source, plan[0].Request, folder, progress.Report, Run.Cancellation))];
            }
            Console.Error.WriteLine(TrainHeads.Estimate(source, plan));
            return [.. plan.Select(head => head.Name).Zip(TrainHeads.Run(source, plan, folder, memory: null, progress.Report, Run.Cancellation))];
        }

        IReadOnlyList<(string Name, HeadResult Result)> Live(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            Require(arguments, backbone, features);
            var items = features.Items(arguments);
            using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
            var wanted = features.Request(arguments, net.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
            using var source = new LiveSource(net, items, wanted, look.Config(arguments, arguments.GetValue(head.Recipe)!), features.Options(arguments));
            var plan = Plan(arguments, wanted.T, NamedHead.MapsOf(net.Net.Layout, wanted), wanted.Pools[0], subset.Value(arguments), choose: false);
            return plan.FirstOrDefault(head => head.Request.Blocks?.Except(wanted.Blocks).Any() == true) is not { } strange ? Trained(source, plan, folder, progress)
                : throw new ArgumentException($"{strange.Name} reads blocks {string.Join(", ", strange.Request.Blocks!)}; --blocks names {string.Join(", ", wanted.Blocks)}: give it all blocks that the heads read");
        }

        // What the second pass goes on from does not change while it is trained: it is read from a store, or made anew each epoch with fresh noise.
        HeadResult WithFeedback(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            var isLive = arguments.GetValue(live);
            if (arguments.GetValue(backbone.Model) is null || arguments.GetValue(store) is null && arguments.GetValue(features.Data) is null)
            {
                throw new ArgumentException("--head diffeed needs --model CKPT, whose second pass it runs, and --data DIR (or, without --live, a --store of first-pass maps)");
            }
            var layout = backbone.Layout(arguments);
            int[] read = features.BlockList(arguments) ?? [FeatureRequest.DefaultBlock(layout)];
            var (steps, side) = (FeatureOptions.Numbers("--t", arguments.GetValue(features.T)!), layout.Config.ImageSize);
            var reader = head.Reader(arguments, steps.Length, [.. read.Select(b => FeatureSpec.Of(layout, b, side, side))]);
            using var given = arguments.GetValue(store) is { } at ? FeatureStore.Open(at) : null; // its second pass is computed as its first was
            var (precision, label) = given is null ? (CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!), arguments.GetValue(features.Class)) : (given.Request.Precision, given.Request.Class);
            feedback.RefuseBeside(arguments, reader, features.Blocks);
            var config = feedback.Head(arguments, layout, reader, read, label);
            using var net = backbone.Open(arguments, config.Deepest, precision);
            net.Net.Recompute = arguments.GetValue(feedback.Recompute);
            var recipe = head.Settings(arguments, HeadRecipes.Feedback(arguments.GetValue(head.Recipe)!), arguments.GetValue(features.Seed), choose: false);
            var request = new TrainHeadRequest(config, recipe) { T = Given(arguments, features.T) ? steps : null, Subset = subset.Value(arguments), AverageLooks = arguments.GetValue(head.Average) };
            recipe.Check();
            if (given is not null)
            {
                return TrainHead.Run(new StoreSource(given, net), request, folder, progress.Report, Run.Cancellation);
            }
            var wanted = features.Request(arguments, net.Net, precision) with { Blocks = config.FirstPassBlocks, Pools = [0] };
            if (isLive)
            {
                using var source = new LiveSource(net, features.Items(arguments), wanted, look.Config(arguments, arguments.GetValue(head.Recipe)!), features.Options(arguments));
                return TrainHead.Run(source, request, folder, progress.Report, Run.Cancellation);
            }
            var kept = Path.Combine(folder, "features");
            var (items, few) = subset.Narrow(arguments, features.Items(arguments), arguments.GetValue(features.Seed));
            feedback.CheckRoom(arguments, wanted, layout, items.Items.Count);
            Extract.Run(net, items, wanted, kept, features.Options(arguments), progress.Report, Run.Cancellation);
            using var open = FeatureStore.Open(kept);
            return TrainHead.Run(new StoreSource(open, net), request with { Subset = few }, folder, progress.Report, Run.Cancellation);
        }

        // The heads for the maps at hand.
        IReadOnlyList<PlannedHead> Plan(ParseResult arguments, IReadOnlyList<int> ts, IReadOnlyList<FeatureSpec> maps, int pool, TrainSubset? few, bool choose)
        {
            var (t, blocks) = (Given(arguments, features.T) ? FeatureOptions.Numbers("--t", arguments.GetValue(features.T)!) : null, features.BlockList(arguments));
            var given = Given(arguments, features.Pool) ? FeatureOptions.Numbers("--pool", arguments.GetValue(features.Pool)!)[0] : (int?)null;
            return [.. head.Lines(arguments, given).Select(line =>
            {
                var (steps, read) = (line.T ?? t, line.Blocks ?? blocks);
                var known = read is null ? maps : [.. maps.Where(map => read.Contains(map.Block))];
                var config = line.Config ?? line.Named!.Config((steps ?? ts).Count, known.Count > 0 ? known : maps, pool);
                var recipe = head.Settings(arguments, head.RecipeOf(arguments, line, config, fromStore: choose), arguments.GetValue(features.Seed), choose);
                recipe = recipe with { LearningRates = line.LearningRates ?? recipe.LearningRates, WeightDecays = line.WeightDecays ?? recipe.WeightDecays };
                return new PlannedHead(line.Name, new(config, recipe)
                {
                    T = steps, Blocks = read, Subset = few, AverageLooks = arguments.GetValue(head.Average),
                });
            })];
        }

        (string Folder, TrainSubset? Subset) ExtractFirst(ParseResult arguments, string folder, ConsoleProgress progress)
        {
            Require(arguments, backbone, features);
            var (items, few) = subset.Narrow(arguments, features.Items(arguments), arguments.GetValue(features.Seed));
            using var net = backbone.Open(arguments, features.BlockList(arguments)?.Max());
            var request = features.Request(arguments, net.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
            foreach (var head in Plan(arguments, request.T, NamedHead.MapsOf(net.Net.Layout, request), request.Pools[0], few, choose: true)) { head.Request.Recipe.Check(); }
            if (!Given(arguments, features.Pool))                                          // as the heads need it
            {
                var layout = net.Net.Layout;
                var heads = Plan(arguments, request.T, NamedHead.MapsOf(layout, request), request.Pools[0], few, choose: true);
                request = request with { Pools = [.. heads.SelectMany(planned => HeadInputs.PoolsFor(planned.Request.Head, layout, request, planned.Request.Blocks)).Distinct().Order()] };
            }
            var summary = Extract.Run(net, items, request, folder, features.Options(arguments), progress.Report, Run.Cancellation);
            progress.Dispose();
            ExtractVerb.Show(folder, summary, items, json: false);
            return (folder, few);
        }
    }

    static bool Given(ParseResult arguments, Option option) => arguments.GetResult(option) is { Implicit: false };

    static void Require(ParseResult arguments, BackboneOptions backbone, FeatureOptions features)
    {
        if (arguments.GetValue(backbone.Model) is null || arguments.GetValue(features.Data) is null)
        {
            throw new ArgumentException("train needs --store STORE, or --model CKPT and --data DIR");
        }
    }

    static void Show(IReadOnlyList<(string Name, HeadResult Result)> heads, string folder, bool json)
    {
        if (heads is [var (_, only)])
        {
            Show(only, folder, json);
            return;
        }
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(heads.Select(head => new { head.Name, head.Result }), JsonOutput.Options));
            return;
        }
        var table = new TextTable("head", ">parameters", ">learning rate", ">weight decay", ">held out %", ">top-1 %", "interval", ">top-5 %");
        foreach (var (name, result) in heads)
        {
            var (chosen, test) = (result.Chosen, result.Test);
            table.Add(name, Text($"{result.Parameters:n0}"), Text($"{chosen?.LearningRate}"), Text($"{chosen?.WeightDecay}"), Text($"{100 * chosen?.HeldOutAccuracy:f2}"),
                Text($"{100 * test.Top1:f2}"), Text($"{100 * test.Low:f2} to {100 * test.High:f2}"), Text($"{100 * test.Top5:f2}"));
        }
        var lines = new StringWriter();
        table.Write(lines);
        File.WriteAllText(Path.Combine(folder, "heads.txt"), lines.ToString());
        Console.Write(lines);
        foreach (var note in heads.Select(head => head.Result.TestInTraining?.Note(head.Result.Test)).OfType<string>().Take(1))
        {
            Console.WriteLine($"{heads[0].Name}: {note}");
        }
        if (heads.Where(head => head.Result.AlreadyThere).Select(head => head.Name).ToList() is { Count: > 0 } there)
        {
            Console.WriteLine($"there already, and not trained anew: {string.Join(", ", there)}");
        }
        Console.WriteLine($"{heads[0].Result.Test.Pictures:n0} test pictures; each head's file and result: {Path.Combine(folder, "HEAD")}; the table: {Path.Combine(folder, "heads.txt")}");
    }

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    internal static void Show(HeadResult result, string folder, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(result, JsonOutput.Options));
            return;
        }
        Console.WriteLine(result.Choice);
        if (result.Chosen is { } chosen)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"chosen: {(result.Recipe["optimizer"]!.GetValue<string>() == nameof(OptimizerKind.Lbfgs) ? "penalty" : $"learning rate {chosen.LearningRate}, weight decay")} {chosen.WeightDecay} (held-out accuracy {100 * chosen.HeldOutAccuracy:f2} %)"));
        }
        foreach (var failure in result.Unreadable.Take(20))
        {
            Console.Error.WriteLine("left out: " + failure);
        }
        Console.WriteLine(Line(result.Test));
        if (result.TestInTraining?.Note(result.Test) is { } note)
        {
            Console.WriteLine(note);
        }
        Console.WriteLine(result.AlreadyThere ? $"{folder} holds this head already; nothing was trained" : $"head and result: {folder}");
    }

    internal static string Line(Score s) => string.Create(CultureInfo.InvariantCulture,
        $"top-1 {100 * s.Top1:f2} % ({s.Top1Hits:n0} of {s.Pictures:n0}; 95 % interval {100 * s.Low:f2} to {100 * s.High:f2}), top-5 {100 * s.Top5:f2} %");
}
