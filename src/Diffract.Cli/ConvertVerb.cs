using System.CommandLine;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Cli;

static class ConvertVerb
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "Checkpoint of a U-Net", Required = true, HelpName = "CKPT" };
        var config = new Option<string?>("--config") { Description = "JSON of guided-diffusion's flags, where the weights do not tell all", HelpName = "FILE" };
        var type = new Option<string>("--as") { Description = "fp32, fp16 or bf16", DefaultValueFactory = _ => "fp32" };
        var output = CommonOptions.Out("safetensors file");
        var verb = new Command("convert", "Write a checkpoint as safetensors that carries its configuration") { model, config, type, output };
        verb.SetAction(arguments =>
        {
            var wanted = arguments.GetValue(type) switch
            {
                "fp32" => DType.Float32, "fp16" => DType.Float16, "bf16" => DType.BFloat16,
                var other => throw new ArgumentException($"--as {other}: expected fp32, fp16 or bf16"),
            };
            using var loaded = UNetLoader.Open(arguments.GetValue(model)!, arguments.GetValue(config));
            UNetFile.Write(arguments.GetValue(output)!, loaded.Config, loaded.Recognised.Schedule, loaded.Store.ToEntries(wanted),
                new Dictionary<string, string> { ["diffract.converted_from"] = $"{Path.GetFileName(loaded.Path)}, SHA-256 {loaded.Fingerprint}" });
            Console.WriteLine($"{arguments.GetValue(output)}: {new FileInfo(arguments.GetValue(output)!).Length / 1048576.0:f1} MiB");
            return 0;
        });
        return verb;
    }
}
