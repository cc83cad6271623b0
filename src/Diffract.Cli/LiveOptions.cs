using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs say how training looks at pictures that go through the net anew each epoch.</summary>
sealed class LiveOptions
{
    /// <summary>Why --draws is refused without --average.</summary>
    public const string DrawsOfTests = "is for --average: training draws its noise anew each epoch, and a test averages over these draws";

    public Option<string?> Crop { get; } = new("--crop") { Description = "centre, random (random resized crop) or released (the released code's); left out: as the recipe's source has it", HelpName = "NAME" };
    public Option<bool> NoFlip { get; } = new("--no-flip") { Description = "Do not mirror half of the pictures" };

    public IEnumerable<Option> All => [Crop, NoFlip];

    /// <param name="recipe">Its name.</param>
    public LiveConfig Config(ParseResult arguments, string recipe) => new()
    {
        Crop = arguments.GetValue(Crop) switch
        {
            null => HeadRecipes.Crop(recipe),
            "centre" => CropKind.Centre,
            "random" => CropKind.RandomResized,
            "released" => CropKind.Released,
            var other => throw new ArgumentException($"--crop {other}: expected centre, random or released"),
        },
        Flip = !arguments.GetValue(NoFlip),
    };
}
