using System.CommandLine;

namespace Diffract.Cli;

static class Verbs
{
    public static IEnumerable<Command> All => [PretrainVerb.Create()];
}
