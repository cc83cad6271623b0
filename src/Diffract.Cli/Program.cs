using System.CommandLine;
using System.CommandLine.Invocation;
using Diffract.Cli;

var root = new RootCommand("Diffract turns text-free diffusion models into visual representation learners.");
foreach (var verb in Verbs.All)
{
    root.Subcommands.Add(verb);
}
return Run.Guarded(() => root.Parse(args) is { Action: ParseErrorAction faults } wrong && args.Length > 0 ? UsageErrors.Print(wrong, faults)
    : root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }), json: args.Contains("--json"));
