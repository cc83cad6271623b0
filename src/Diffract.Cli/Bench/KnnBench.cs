using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflow = Diffract.Workflows.NeighboursBench;

namespace Diffract.Cli.Bench;

/// <summary>`bench knn`: exact neighbours, beside the matrix product that they cannot do without.</summary>
static class KnnBench
{
    const string Search = "Diffract, 20 exact neighbours", Product = "libtorch, the float32 product alone";

    public static Command Create()
    {
        var common = new BenchOptions("full256", batch: 1, repeat: 3);
        var rows = new Option<int>("--rows") { Description = "Training pictures", DefaultValueFactory = _ => 50_000 };
        var queries = new Option<int>("--queries") { Description = "Test pictures", DefaultValueFactory = _ => 10_000 };
        var width = new Option<int>("--width") { Description = "Values of a picture", DefaultValueFactory = _ => 1024 };
        var product = new Option<bool>("--product") { Hidden = true };
        var verb = new Command("knn", "Seconds a test picture for exact nearest neighbours") { rows, queries, width, product, common.Repeat, common.Threads, common.Out, common.Json, common.Child };
        verb.SetAction(arguments =>
        {
            var (n, m, d) = (arguments.GetValue(rows), arguments.GetValue(queries), arguments.GetValue(width));
            if (n < 20 || m < 1 || d < 1)
            {
                throw new ArgumentException($"--rows {n}, --queries {m}, --width {d}: expected 20 rows or more, and 1 or more of the others");
            }
            if (arguments.GetValue(common.Child))
            {
                common.SetThreads(arguments);
                Console.WriteLine(JsonSerializer.Serialize(arguments.GetValue(product) ? Workflow.Products(n, m, d, repeat: 1) : Workflow.Search(n, m, d, repeat: 1), JsonOutput.Options));
                return 0;
            }
            string[] told = ["--rows", Peer.Text(n), "--queries", Peer.Text(m), "--width", Peer.Text(d), .. arguments.GetValue(common.Threads) is { } threads ? (string[])["--threads", Peer.Text(threads)] : []];
            return new Comparison("knn", $"{m} test pictures among {n}, {d} values each", [Contender.Ours(Search, "knn", told), Contender.Ours(Product, "knn", [.. told, "--product"])], [(Search, Product)])
            {
                Notes = outcomes => outcomes.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Contender.Name}: {2e-9 * n * d / one.Median:f0} GFLOP/s.")),
            }.Run(common, arguments);
        });
        return verb;
    }
}
