using System.CommandLine;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>The options by which verbs say how training looks at pictures that go through the net anew each epoch.</summary>
sealed class LiveOptions
{
    public Option<string> Crop { get; } = new("--crop") { Description = "centre, random (random resized crop) or released (the released code's)", DefaultValueFactory = _ => "centre" };
    public Option<bool> NoFlip { get; } = new("--no-flip") { Description = "Do not mirror half of the pictures" };

    public IEnumerable<Option> All => [Crop, NoFlip];

    public LiveConfig Config(ParseResult arguments) => new()
    {
        Crop = arguments.GetValue(Crop) switch
        {
            "centre" => CropKind.Centre,
            "random" => CropKind.RandomResized,
            "released" => CropKind.Released,
            var other => throw new ArgumentException($"--crop {other}: expected centre, random or released"),
        },
        Flip = !arguments.GetValue(NoFlip),
    };
}
