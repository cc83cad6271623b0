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
        var layers = new Option<string?>("--layers") { Description = "The released code's layer string, instead of --head", HelpName = "STRING" };
        var config = new Option<string?>("--head-config") { Description = "The head as JSON, instead of --head", HelpName = "FILE" };
        var (t, blocks) = (new Option<string?>("--t") { Description = "Steps that the head reads; left out: the store's", HelpName = "LIST" }, new Option<string?>("--blocks") { Description = "Blocks that it reads; left out: the store's", HelpName = "LIST" });
        var pool = new Option<int>("--pool") { Description = "Of a linear head or MLP", DefaultValueFactory = _ => 2 };
        var output = CommonOptions.Out("The head's file");
        var (backbone, feedback) = (new BackboneOptions(modelRequired: false), new FeedbackOptions());
        var classes = new Option<string?>("--classes") { Description = "Of --head diffeed: class names in the order of the outputs, one a line", HelpName = "FILE" };
        var verb = new Command("import-head", "A head that the papers' released code trained, as a file for evaluate and predict") { file, store, head, layers, config, t, blocks, pool, output, backbone.Model, backbone.Config, backbone.Precision, backbone.Device, feedback.Feedback, feedback.Layers, classes };
        verb.SetAction(arguments =>
        {
            if (arguments.GetValue(head) == FeedbackOptions.Kind)
            {
                return WithFeedback(arguments);
            }
            using var open = FeatureStore.Open(arguments.GetValue(store) ?? throw new ArgumentException("--store STORE is needed: it says backbone, steps, blocks and classes"));
            int[]? List(Option<string?> option) => arguments.GetValue(option) is { } text ? FeatureOptions.Numbers(option.Name, text) : null;
            var (steps, read) = (List(t), List(blocks));
            var maps = NamedHead.MapsOf(open);
            var wanted = arguments.GetValue(layers) is { } text ? AttentionConfig.FromLayerString(text)
                : arguments.GetValue(config) is { } json ? FromFile(json)
                : new NamedHead(HeadName.Parse(arguments.GetValue(head)!), "released-code").Config((steps ?? open.Request.T).Count, read is null ? maps : [.. maps.Where(map => read.Contains(map.Block))], arguments.GetValue(pool));
            var understood = ImportHead.Run(arguments.GetValue(file)!, wanted, open, steps, read, arguments.GetValue(output)!);
            Console.WriteLine($"{arguments.GetValue(output)}: {understood.Kind}, {understood.ParameterCount():n0} parameters, t {string.Join(",", understood.Ts)}, blocks {string.Join(",", understood.Blocks.Select(b => b.Block))}");
            return 0;
        });
        return verb;

        int WithFeedback(ParseResult arguments)
        {
            if (arguments.GetValue(backbone.Model) is null || arguments.GetValue(t) is not { } steps || arguments.GetValue(blocks) is not { } list || arguments.GetValue(classes) is not { } names)
            {
                throw new ArgumentException("--head diffeed needs --model CKPT, --t LIST, --blocks LIST (of the second pass) and --classes FILE");
            }
            using var net = backbone.Open(arguments, lastBlock: 1);                        // its layout is wanted, not its weights
            var layout = net.Loaded.Net.Layout;
            var side = layout.Config.ImageSize;
            int[] read = FeatureOptions.Numbers("--blocks", list);
            var request = new FeatureRequest { T = FeatureOptions.Numbers("--t", steps), Blocks = read, Height = side, Width = side, Precision = CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!) };
            var reader = arguments.GetValue(layers) is { } text ? AttentionConfig.FromLayerString(text) : arguments.GetValue(config) is { } json ? FromFile(json) : new AttentionConfig();
            string[] known = [.. File.ReadLines(names).Select(line => line.Trim()).Where(line => line.Length > 0)];
            var understood = ImportHead.Run(arguments.GetValue(file)!, feedback.Head(arguments, layout, reader, read, label: null), request, net.Backbone, known, arguments.GetValue(output)!);
            Console.WriteLine(FormattableString.Invariant($"{arguments.GetValue(output)}: {understood.Kind}, {understood.ParameterCount():n0} parameters, t {string.Join(",", understood.Ts)}, blocks {string.Join(",", read)} of the second pass"));
            return 0;
        }
    }

    static HeadConfig FromFile(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return HeadConfig.Parse(document.RootElement, path);
    }
}
