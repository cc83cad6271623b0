using Diffract.Models;

namespace Diffract.Cli;

/// <summary>Says on the error stream what was assumed of a net.</summary>
static class ModelNotes
{
    public const string Advice = "--config FILE.json, with guided-diffusion's flags, says otherwise";

    public static void Print(RecognisedNet net)
    {
        foreach (var assumption in net.Assumptions)
        {
            Console.Error.WriteLine($"note: {assumption}");
        }
        if (net.Assumptions.Count > 0)
        {
            Console.Error.WriteLine($"note: {Advice}");
        }
    }
}
