using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli;

static class ForwardVerb
{
    public static Command Create()
    {
        var backbone = new BackboneOptions();
        var input = new Option<string>("--input") { Description = "Tensors x (N,3,H,W) float32, timesteps (N), and y (N) int64 where classes are wanted", Required = true, HelpName = "FILE" };
        var output = CommonOptions.Out("Safetensors file for block/01 ... and out");
        var verb = new Command("forward", "Run a net once over given tensors and write what every block puts out") { input, output };
        foreach (var option in backbone.All)
        {
            verb.Options.Add(option);
        }
        verb.SetAction(arguments =>
        {
            CommonOptions.RefuseOver("--out", arguments.GetValue(output), arguments.GetValue(input)!);
            using var net = backbone.Open(arguments, lastBlock: null);
            var count = Forward.Run(net.Loaded!, arguments.GetValue(input)!, arguments.GetValue(output)!);
            Console.WriteLine($"{count} pictures through {net.Net.Last} blocks of a {net.Loaded!.Recognised.Description}: {arguments.GetValue(output)}");
            return 0;
        });
        return verb;
    }
}
