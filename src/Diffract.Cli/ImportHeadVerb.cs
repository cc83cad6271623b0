using System.CommandLine;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ImportHeadVerb
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "latest.pth of the released code, or a head's state dict" };
        var (backbone, features, head, feedback) = (new BackboneOptions(), new FeatureOptions(dataRequired: false), new HeadOptions(), new FeedbackOptions());
        var classes = new Option<string>("--classes") { Description = "Class names in the order of the outputs, one a line", Required = true, HelpName = "FILE" };
        var output = CommonOptions.Out("Head to write (safetensors)");
        var verb = new Command("import-head", "Write a head that the released code trained as a file that predict and evaluate take")
        {
            file, backbone.Model, backbone.Config, backbone.Precision, backbone.Device, features.T, features.Blocks, features.Pool, features.Size, features.Seed, features.Class,
            head.Head, head.Hidden, head.ConfigFile, feedback.Feedback, feedback.Layers, classes, output,
        };
        verb.SetAction(arguments =>
        {
            using var net = backbone.Open(arguments, lastBlock: 1);                        // its layout is wanted, not its weights
            var layout = net.Loaded.Net.Layout;
            var request = features.Request(arguments, net.Loaded.Net, CommonOptions.ParsePrecision(arguments.GetValue(backbone.Precision)!));
            var config = head.Config(arguments, HeadRecipes.Head("released-code", head.IsAttention(arguments), request.Pools[0], layout.Blocks[request.Blocks[0] - 1].OutChannels));
            if (arguments.GetValue(head.Head) == FeedbackOptions.Kind)
            {
                config = feedback.Head(arguments, layout, config, [.. request.Blocks], request.Class);
            }
            string[] names = [.. File.ReadLines(arguments.GetValue(classes)!).Select(line => line.Trim()).Where(line => line.Length > 0)];
            var complete = ImportHead.Run(arguments.GetValue(file)!, config, request, net.Backbone, names, arguments.GetValue(output)!);
            Console.WriteLine(FormattableString.Invariant($"{arguments.GetValue(output)}: {complete.Kind} head, {complete.ParameterCount():n0} parameters, {names.Length} classes"));
            return 0;
        });
        return verb;
    }
}
