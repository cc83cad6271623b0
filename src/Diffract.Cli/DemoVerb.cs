using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Diffract.Data;
using Diffract.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class DemoVerb
{
    public static Command Create()
    {
        var output = new Option<string>("--out") { Description = "Folder for what it makes", DefaultValueFactory = _ => "diffract-demo", HelpName = "DIR" };
        var json = CommonOptions.Json();
        var verb = new Command("demo", "The main job on built-in pictures with the built-in model: a few minutes") { output, json };
        verb.SetAction(arguments =>
        {
            var (folder, clock, config) = (arguments.GetValue(output)!, Stopwatch.StartNew(), new DemoConfig());
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            var lines = Demo.Run(BuiltInModel.Path, folder, config, progress.Report, Run.Cancellation);
            DemoPage.Write(folder, lines, config);
            progress.Dispose();
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(lines, JsonOutput.Options) : $"""

                {config.Test:n0} built-in pictures of {BuiltInPictures.ClassCount} classes, told apart by what a diffusion model's activations show:

                {DemoPage.Table(lines, config).Text()}

                {clock.Elapsed.TotalSeconds:f0} s. The page to look at: {Path.Combine(folder, Demo.PageFile)}
                Next, your own folder of class folders:
                  ./diffract train --model {BuiltInModel.Name} --data FOLDER --out RESULT
                For photographs take a larger model: ./diffract models
                """);
            return 0;
        });
        return verb;
    }
}
