using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Reports;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>`bench profile`: where the time of a pass goes, by block and by operator.</summary>
static class ProfileBench
{
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = $"The net: {string.Join(" or ", BenchNets.Names)}", DefaultValueFactory = _ => "full256" };
        var block = new Option<int?>("--block") { Description = "Where the pass stops; left out: 24, or the last block of a smaller net" };
        var batch = new Option<int>("--batch") { Description = "Pictures at a time", DefaultValueFactory = _ => 4 };
        var precision = new Option<string>("--precision") { Description = "fp32 or bf16", DefaultValueFactory = _ => "bf16" };
        var repeat = new Option<int>("--repeat") { Description = "Passes, after two to warm up", DefaultValueFactory = _ => 3 };
        var picture = new Option<string?>("--picture") { Description = "Also draw the blocks' rates below what memory and arithmetic allow (a roofline), as SVG", HelpName = "FILE" };
        var json = new Option<bool>("--json") { Description = "Print it as JSON" };
        var verb = new Command("profile", "Where the time of a pass goes: by block with the rate reached, and by operator") { config, block, batch, precision, repeat, picture, json };
        verb.SetAction(arguments =>
        {
            var net = BenchNets.Config(arguments.GetValue(config)!);
            var blocks = new UNetLayout(net).Blocks.Count;
            var last = arguments.GetValue(block) ?? Math.Min(24, blocks);
            if (last < 1 || last > blocks || arguments.GetValue(batch) < 1 || arguments.GetValue(repeat) < 1)
            {
                throw new ArgumentException($"--block {last}, --batch {arguments.GetValue(batch)}, --repeat {arguments.GetValue(repeat)}: expected a block from 1 to {blocks}, and 1 or more of the others");
            }
            var profile = PassProfile.Measure(net, last, arguments.GetValue(batch), CommonOptions.ParsePrecision(arguments.GetValue(precision)!), arguments.GetValue(repeat));
            if (arguments.GetValue(picture) is { } file)
            {
                Draw(profile, arguments.GetValue(precision) == "bf16", $"{arguments.GetValue(config)} to block {last}, {arguments.GetValue(precision)}, batch {arguments.GetValue(batch)}: {Machine.Read().Processor}").Save(file);
            }
            if (arguments.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(profile, JsonOutput.Options));
            }
            else
            {
                Show(profile);
            }
            return 0;
        });
        return verb;
    }

    static Svg Draw(PassProfile profile, bool isBFloat16, string title)
    {
        var peak = Torch.Torch.Threads * MatrixRate.MeasureOneThread();
        return new Roofline
        {
            Title = title, Bandwidth = MatrixRate.MeasureMemory(),
            Ceilings = [new("float32 products", peak), new("by Winograd F(4x4, 3x3)", 4 * peak), .. isBFloat16 && Kernels.FactorsOfBFloat16 != Torch.DType.Float32 && Kernels.MatrixUnit == MatrixUnit.None ? [new("by Winograd, products of 16 bits", 8 * peak)] : (RooflineCeiling[])[]],
            Points = [.. profile.Blocks.Select(b => new RooflinePoint(b.Block.ToString(CultureInfo.InvariantCulture), b.Intensity, b.Rate))],
        }.Draw();
    }

    static void Show(PassProfile profile)
    {
        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        var blocks = new TextTable(">b", "module", "layers", ">ms", ">%", ">GFLOP/s");
        foreach (var b in profile.Blocks)
        {
            blocks.Add(Text($"{b.Block}"), b.Module, b.Layers, Text($"{1e3 * b.Seconds:f2}"), Text($"{100 * b.Seconds / profile.Seconds:f1}"), Text($"{b.Rate / 1e9:f0}"));
        }
        blocks.Write(Console.Out);
        Console.WriteLine();
        var operators = new TextTable("operator", ">calls", ">ms", ">%");
        foreach (var o in profile.Operators.Where(o => o.Seconds > 0.002 * profile.Seconds))
        {
            operators.Add(o.Name, Text($"{o.Calls}"), Text($"{1e3 * o.Seconds:f2}"), Text($"{100 * o.Seconds / profile.Seconds:f1}"));
        }
        var calls = profile.Operators.Sum(o => o.Seconds);
        operators.Add("outside of operators", "", Text($"{1e3 * (profile.Seconds - calls):f2}"), Text($"{100 * (1 - calls / profile.Seconds):f1}"));
        operators.Write(Console.Out);
        Console.WriteLine(Text($"\n{1e3 * profile.Seconds:f1} ms a picture; all times are of one picture."));
    }
}
