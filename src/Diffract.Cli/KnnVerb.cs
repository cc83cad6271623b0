using System.CommandLine;
using System.Text;
using System.Text.Json;
using Diffract.Features;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class KnnVerb
{
    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "Feature store", Required = true, HelpName = "STORE" };
        var (t, blocks, pools) = (List("--t", "Steps"), List("--blocks", "Blocks"), List("--pool", "Pools"));
        blocks.Aliases.Add("--block");
        var k = new Option<string>("--k") { Description = "Neighbours", DefaultValueFactory = _ => "20,200", HelpName = "LIST" };
        var temperature = new Option<double>("--temperature") { Description = "T of the weighted votes exp(cosine / T)", DefaultValueFactory = _ => 0.07 };
        var average = new Option<bool>("--average") { Description = "Compare means over the store's draws and views" };
        var held = new Option<bool>("--held-out") { Description = "Ask for held-out training pictures instead of the test pictures: for choosing t, block, pool and k" };
        var memory = new Option<int>("--memory") { Description = "Working memory in MiB", DefaultValueFactory = _ => 128 };
        var output = new Option<string?>("--out") { Description = "Folder for result.json, a table and a page with heat maps", HelpName = "DIR" };
        var (seed, device, json) = (CommonOptions.Seed(), CommonOptions.DeviceOption(), CommonOptions.Json());
        var verb = new Command("knn", "Exact k-nearest-neighbour accuracy of features by cosine, for several t, blocks and pools at once") { store, t, blocks, pools, k, temperature, average, held, memory, seed, device, output, json };
        verb.SetAction(arguments =>
        {
            using var features = FeatureStore.Open(arguments.GetValue(store)!);
            using var progress = new ConsoleProgress(arguments.GetValue(json));
            int[]? Numbers(Option<string?> option) => arguments.GetValue(option) is { } text ? FeatureOptions.Numbers(option.Name, text) : null;
            var request = new NeighboursRequest
            {
                Knn = new()
                {
                    K = FeatureOptions.Numbers("--k", arguments.GetValue(k)!), Temperature = arguments.GetValue(temperature), Memory = (long)arguments.GetValue(memory) << 20,
                    Device = Torch.Device.Parse(arguments.GetValue(device)!),
                },
                T = Numbers(t), Blocks = Numbers(blocks), Pools = Numbers(pools), AverageLooks = arguments.GetValue(average), OnHeldOut = arguments.GetValue(held), Seed = arguments.GetValue(seed),
            };
            var folder = arguments.GetValue(output);
            var result = NearestNeighbours.Run(features, request, folder, progress.Report, Run.Cancellation);
            progress.Dispose();
            if (request.Knn.K.Where(asked => asked > result.TrainPictures).ToList() is { Count: > 0 } beyond)
            {
                Console.Error.WriteLine($"k {string.Join(", ", beyond)}: there are {result.TrainPictures} pictures to vote; all of them do");
            }
            if (folder is not null)
            {
                AtomicFile.Write(Path.Combine(folder, "table.md"), Encoding.UTF8.GetBytes(result.Table().Markdown() + "\n"));
                result.Page().Save(Path.Combine(folder, "table.html"));
            }
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(result, JsonOutput.Options) : $"{result.Table().Text()}\n\n{result.Choice}\n{result.Rule}");
            return 0;
        });
        return verb;
    }

    static Option<string?> List(string name, string what) => new(name) { Description = what + "; left out: all of the store", HelpName = "LIST" };
}
