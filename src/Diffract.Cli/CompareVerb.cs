using System.CommandLine;
using System.Text;
using System.Text.Json;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Cli;

static class CompareVerb
{
    public static Command Create()
    {
        var results = new Argument<string[]>("results") { Description = "results.json or result.json files, or the folders that hold them", Arity = ArgumentArity.OneOrMore };
        var markdown = new Option<string?>("--markdown") { Description = "Write the table as Markdown", HelpName = "FILE" };
        var html = new Option<string?>("--html") { Description = "Write the table as a page", HelpName = "FILE" };
        var json = CommonOptions.Json();
        var verb = new Command("compare", "Results side by side: intervals, what was not made the same way, and paired tests") { results, markdown, html, json };
        verb.SetAction(arguments =>
        {
            var files = arguments.GetValue(results)!;
            CommonOptions.RefuseOver("--markdown", arguments.GetValue(markdown), files);
            CommonOptions.RefuseOver("--html", arguments.GetValue(html), files);
            CommonOptions.RefuseOverOther("--markdown", arguments.GetValue(markdown), "# Comparison\n");
            CommonOptions.RefuseOverOther("--html", arguments.GetValue(html), "<!");
            var comparison = Comparison.Of([.. files.SelectMany(ResultFile.Read)]);
            string[] about = [$"Compared: {string.Join(", ", files)}"];
            if (arguments.GetValue(markdown) is { } document) { AtomicFile.Write(document, Encoding.UTF8.GetBytes(comparison.Markdown("Comparison", about))); }
            if (arguments.GetValue(html) is { } page) { comparison.Page("Comparison", about).Save(page); }
            Console.WriteLine(arguments.GetValue(json) ? JsonSerializer.Serialize(comparison, JsonOutput.Options) : comparison.Text());
            return 0;
        });
        return verb;
    }
}
