using System.CommandLine;
using System.CommandLine.Parsing;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli.Bench;

/// <summary>The options that all comparisons have.</summary>
sealed class BenchOptions(string config, int batch, int repeat)
{
    /// <summary>Marks the process that measures; the one that compares starts it.</summary>
    public const string ChildName = "--measure-here";

    public Option<string> Config { get; } = new("--config") { Description = $"The net: {string.Join(" or ", BenchNets.Names)}", DefaultValueFactory = _ => config };
    public Option<int> Batch { get; } = new("--batch") { Description = "Pictures at a time", DefaultValueFactory = _ => batch };
    public Option<string> Precision { get; } = new("--precision") { Description = "fp32, bf16 or both", DefaultValueFactory = _ => "fp32,bf16", HelpName = "LIST" };
    public Option<int> Repeat { get; } = new("--repeat") { Description = "Rounds; in each, all take their turn", DefaultValueFactory = _ => repeat };
    public Option<int?> Threads { get; } = new("--threads") { Description = "Threads of all that are measured; left out: one a core" };
    public Option<bool> NoPeer { get; } = new("--no-peer") { Description = "Without the comparison with plain PyTorch" };
    public Option<string?> Out { get; } = new("--out") { Description = "Where the results go, in a folder of the processor's name; left out: bench/results of the source tree", HelpName = "DIR" };
    public Option<bool> Json { get; } = new("--json") { Description = "Print the results as JSON" };
    public Option<bool> Child { get; } = new(ChildName) { Hidden = true };

    public IEnumerable<Option> All => [Config, Batch, Precision, Repeat, Threads, NoPeer, Out, Json, Child];

    public IReadOnlyList<string> Precisions(ParseResult arguments)
    {
        var names = arguments.GetValue(Precision)!.Split(',');
        foreach (var name in names)
        {
            CommonOptions.ParsePrecision(name);
        }
        return names;
    }

    /// <summary>What an own contender and the peer are both told: net, batch and threads.</summary>
    public IEnumerable<string> Common(ParseResult arguments) =>
        ["--config", arguments.GetValue(Config)!, "--batch", Peer.Text(arguments.GetValue(Batch)), .. arguments.GetValue(Threads) is { } threads ? (string[])["--threads", Peer.Text(threads)] : []];

    /// <summary>In the measuring process: the threads that were asked for.</summary>
    public void SetThreads(ParseResult arguments)
    {
        if (arguments.GetValue(Threads) is { } threads)
        {
            Torch.Torch.Threads = threads;
        }
    }

    /// <exception cref="ArgumentException">A number is not positive.</exception>
    public void Check(ParseResult arguments)
    {
        BenchNets.Config(arguments.GetValue(Config)!);
        foreach (var option in ((Option<int>[])[Batch, Repeat]).Where(arguments.CommandResult.Command.Options.Contains))
        {
            if (arguments.GetValue(option) < 1)
            {
                throw new ArgumentException($"{option.Name} {arguments.GetValue(option)}: expected 1 or more");
            }
        }
        if (arguments.GetValue(Threads) is < 1 and var threads)
        {
            throw new ArgumentException($"--threads {threads}: expected 1 or more");
        }
    }

    /// <summary>Where a pass stops.</summary>
    /// <exception cref="ArgumentException">The net has no such block.</exception>
    public int Block(ParseResult arguments, int block)
    {
        var config = arguments.GetValue(Config)!;
        var blocks = BenchNets.Blocks(config);
        return block >= 1 && block <= blocks ? block : throw new ArgumentException($"--block {block}: {config} has blocks 1 to {blocks}");
    }

    /// <summary>The command that a person gave.</summary>
    public static string Command(ParseResult arguments) => "diffract " + string.Join(" ", arguments.Tokens.Select(token => token.Value));
}
