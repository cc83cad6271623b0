using System.CommandLine;
using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ImportHeadVerb
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The released code's latest.pth, or a state dict of its head" };
        var store = new Option<string?>("--store") { Description = "Feature store that says backbone, steps, blocks and classes; --head diffeed needs --model, --t, --blocks and --classes instead", HelpName = "STORE" };
        var head = new Option<string>("--head") { Description = HeadName.Known + ", diffeed", DefaultValueFactory = _ => "linear", HelpName = "NAME" };
        var arc = new Option<string?>("--head-arc") { Description = "The released code's head_arc, such as 2048_1024: an MLP of these widths, instead of --head", HelpName = "STRING" };
        var layers = new Option<string?>("--layers") { Description = "The released code's layer string (fusion_arc), instead of --head", HelpName = "STRING" };
        var config = new Option<string?>("--head-config") { Description = "The head as JSON, instead of --head", HelpName = "FILE" };
        var (t, blocks) = (new Option<string?>("--t") { Description = "Steps as the released code was given them, in its order; left out: the store's", HelpName = "LIST" }, new Option<string?>("--blocks") { Description = "Blocks likewise", HelpName = "LIST" });
        var pool = new Option<int?>("--pool") { Description = "The released code's pre_pool_size; left out: 2, of attention heads 16" };
        var norm = new Option<string?>("--norm") { Description = "Its norm_type, of attention heads: layer or batch; left out: layer", HelpName = "NAME" };
        var output = CommonOptions.Out("The head's file");
        var (backbone, feedback) = (new BackboneOptions(modelRequired: false), new FeedbackOptions());
        var classes = new Option<string?>("--classes") { Description = "Of --head diffeed: class names in the order of the outputs, one a line", HelpName = "FILE" };
        var verb = new Command("import-head", "A head that the papers' released code trained, as a file for evaluate and predict")
        {
            file, store, head, arc, layers, config, t, blocks, pool, norm, output, backbone.Model, backbone.Config, backbone.Precision, backbone.Device, feedback.Feedback, feedback.Layers, feedback.FirstBlocks, classes,
        };
        verb.SetAction(arguments =>
        {
            if (arguments.GetValue(head) == FeedbackOptions.Kind)
            {
                return WithFeedback(arguments);
            }
            using var open = FeatureStore.Open(arguments.GetValue(store) ?? throw new ArgumentException("--store STORE is needed: it says backbone, steps, blocks and classes"));
            var (steps, read) = (List(arguments, t), List(arguments, blocks));
            var maps = NamedHead.MapsOf(open);
            var wanted = Described(arguments)
                ?? WithTokens(arguments, new NamedHead(HeadName.Parse(arguments.GetValue(head)!), "released-code").Config((steps ?? open.Request.T).Count, read is null ? maps : [.. maps.Where(map => read.Contains(map.Block))], arguments.GetValue(pool) ?? 2));
            var understood = ImportHead.Run(arguments.GetValue(file)!, wanted, open, steps, read, arguments.GetValue(output)!);
            Console.WriteLine($"{arguments.GetValue(output)}: {understood.Kind}, {understood.ParameterCount():n0} parameters, t {string.Join(",", understood.Ts)}, blocks {string.Join(",", understood.Blocks.Select(b => b.Block))}");
            return 0;
        });
        return verb;

        int WithFeedback(ParseResult arguments)
        {
            if (arguments.GetValue(backbone.Model) is null || List(arguments, t) is not { } steps || List(arguments, blocks) is not { } list || arguments.GetValue(classes) is not { } names)
            {
                throw new ArgumentException("--head diffeed needs --model CKPT, --t LIST, --blocks LIST (of the second pass) and --classes FILE");
            }
            using var net = backbone.Open(arguments, lastBlock: 1);                        // its layout is wanted, not its weights
            var layout = net.Net.Layout;
            var side = layout.Config.ImageSize;
            int[] read = [.. list.Order()];
            var request = new FeatureRequest { T = [.. steps.Order()], Blocks = read, Height = side, Width = side, Precision = CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!) };
            string[] known = [.. File.ReadLines(names).Select(line => line.Trim()).Where(line => line.Length > 0)];
            var fed = feedback.ReleasedList(arguments);
            var wanted = feedback.Head(arguments, layout, Described(arguments) ?? WithTokens(arguments, new AttentionConfig()), read, label: null, fed is null ? null : ReleasedHead.Pairs(fed, layout.InputBlocks.Count).Pairs);
            if (!wanted.ReadBlocks.SequenceEqual(read))
            {
                throw new ArgumentException($"--blocks {string.Join(",", list)}: --head-config describes a head that reads blocks {string.Join(", ", wanted.ReadBlocks)}");
            }
            var understood = ImportHead.Run(arguments.GetValue(file)!, wanted, request, net, known, arguments.GetValue(output)!, new ReleasedLists(steps, list) { Feedback = fed });
            Console.WriteLine(FormattableString.Invariant($"{arguments.GetValue(output)}: {understood.Kind}, {understood.ParameterCount():n0} parameters, t {string.Join(",", understood.Ts)}, blocks {string.Join(",", read)} of the second pass"));
            return 0;
        }

        // What layer string, widths or a file say; null: nothing of these is given.
        HeadConfig? Described(ParseResult arguments) => (arguments.GetValue(arc) is not null || arguments.GetValue(config) is not null) && arguments.GetValue(norm) is not null
                ? throw new ArgumentException("--norm is of attention heads with projected tokens, given by --head or --layers; --head-config FILE says it itself")
            : arguments.GetValue(config) is not null && arguments.GetValue(pool) is not null ? throw new ArgumentException("--pool is not for --head-config FILE, which says it itself")
            : arguments.GetValue(layers) is { } text ? WithTokens(arguments, AttentionConfig.FromLayerString(text))
            : arguments.GetValue(arc) is { } widths ? new LinearConfig { Pool = arguments.GetValue(pool) ?? 2, Hidden = FeatureOptions.Numbers("--head-arc", widths.Replace('_', ','), ascending: false) }
            : arguments.GetValue(config) is { } json ? FromFile(json)
            : null;

        HeadConfig WithTokens(ParseResult arguments, HeadConfig wanted)
        {
            var asked = arguments.GetValue(norm) switch
            {
                null => (TokenNorm?)null,
                "layer" => TokenNorm.Joint,
                "batch" => TokenNorm.Batch,
                var other => throw new ArgumentException($"--norm {other}: expected layer or batch"),
            };
            return wanted is AttentionConfig { Tokens: TokenConfig.Projected tokens } attention
                ? attention with { Tokens = new TokenConfig.Projected(arguments.GetValue(pool) ?? tokens.Size, asked ?? tokens.Norm) }
                : asked is null ? wanted : throw new ArgumentException("--norm is of attention heads with projected tokens");
        }
    }

    static int[]? List(ParseResult arguments, Option<string?> option) => arguments.GetValue(option) is { } text ? FeatureOptions.Numbers(option.Name, text, ascending: false) : null;

    static HeadConfig FromFile(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return HeadConfig.Parse(document.RootElement, path);
    }
}
