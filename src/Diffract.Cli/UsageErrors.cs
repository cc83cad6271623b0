using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace Diffract.Cli;

/// <summary>What is wrong with a command line, a line each, without the page of help that would hide it.</summary>
static partial class UsageErrors
{
    /// <returns>The exit code.</returns>
    public static int Print(ParseResult parsed, ParseErrorAction faults)
    {
        faults.ShowHelp = false;
        var text = new StringWriter();
        var code = parsed.Invoke(new InvocationConfiguration { Output = text, Error = text });
        foreach (var line in text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            Console.Error.WriteLine(TypeName().Replace(line, match => match.Groups[1].Value is "Double" ? ": expected a number" : ": expected a whole number"));
        }
        Console.Error.WriteLine($"`diffract {Names(parsed.CommandResult)}--help` lists what can be given.");
        return code;
    }

    // The verb and its parts, each with a space after it.
    static string Names(CommandResult command) => command.Parent is CommandResult parent ? Names(parent) + command.Command.Name + " " : "";

    [GeneratedRegex(@" as expected type 'System\.(?:Nullable`1\[System\.)?(\w+)\]?'\.?")]
    private static partial Regex TypeName();
}
