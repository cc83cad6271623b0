using System.CommandLine;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ForwardVerb
{
    public static Command Create()
    {
        var (model, config) = (CommonOptions.Model(), CommonOptions.Config());
        var input = new Option<string>("--input") { Description = "Tensors x (N,3,H,W) float32, timesteps (N), and y (N) int64 where classes are wanted", Required = true, HelpName = "FILE" };
        var output = CommonOptions.Out("Safetensors file for block/01 ... and out");
        var (precision, device) = (CommonOptions.Precision("fp32"), CommonOptions.DeviceOption());
        var verb = new Command("forward", "Run a net once over given tensors and write what every block puts out") { model, config, input, output, precision, device };
        verb.SetAction(arguments =>
        {
            using var net = UNetLoader.Open(arguments.GetValue(model)!, arguments.GetValue(config), CommonOptions.ParsePrecision(arguments.GetValue(precision)!), Device.Parse(arguments.GetValue(device)!));
            ModelNotes.Print(net.Recognised);
            var count = Forward.Run(net, arguments.GetValue(input)!, arguments.GetValue(output)!);
            Console.WriteLine($"{count} pictures through {net.Net.Last} blocks of {net.Recognised.Description}: {arguments.GetValue(output)}");
            return 0;
        });
        return verb;
    }
}
