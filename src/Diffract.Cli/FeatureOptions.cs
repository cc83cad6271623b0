using System.CommandLine;
using System.Globalization;
using Diffract.Data;
using Diffract.Features;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Cli;

/// <summary>The options by which verbs say which features of which pictures are wanted.</summary>
sealed class FeatureOptions(bool dataRequired = true)
{
    public Option<string?> Data { get; } = new("--data") { Description = "Folder, .tar or .tar.gz of class folders or of a published data set, a list of pictures, or builtin:train=N,test=M", Required = dataRequired, HelpName = "DIR" };
    public Option<string?> Test { get; } = new("--test") { Description = "Test pictures, where they lie elsewhere; extract takes them alone, too", HelpName = "DIR" };
    public Option<string?> Layout { get; } = CommonOptions.Layout();
    public Option<string?> Classes { get; } = CommonOptions.Classes();
    public Option<string> T { get; } = new("--t") { Description = "Noise steps, such as 90,150", DefaultValueFactory = _ => "90", HelpName = "LIST" };
    public Option<string?> Blocks { get; } = new("--blocks") { Description = "Blocks in the papers' numbering, such as 19,24; left out: two thirds of the way (24 of 37)", HelpName = "LIST" };
    public Option<string> Pool { get; } = new("--pool") { Description = "Average maps to k x k for each k; 0 keeps them whole; a smaller map stays as it is", DefaultValueFactory = _ => $"{HeadOptions.UsualPool}", HelpName = "LIST" };
    public Option<string?> Views { get; } = new("--views") { Description = "flip adds the mirrored picture", HelpName = "flip" };
    public Option<int> Draws { get; } = new("--draws") { Description = "Draws of noise kept for each picture, view and step", DefaultValueFactory = _ => 1 };
    public Option<string?> Size { get; } = new("--size") { Description = "Input size HxW, multiples of the net's stride; left out: the net's own", HelpName = "HxW" };
    public Option<ulong> Seed { get; } = CommonOptions.Seed();
    public Option<int?> Limit { get; } = new("--limit") { Description = "At most N pictures of each split, spread evenly" };
    public Option<int?> Class { get; } = new("--class") { Description = "Class that a class-conditional net is told; left out: none" };
    public Option<string> Store { get; } = new("--store-as") { Description = "fp32 or fp16", DefaultValueFactory = _ => "fp32" };
    public Option<bool> IgnoreExif { get; } = new("--ignore-exif") { Description = "Do not turn pictures upright, as the papers' code does not" };
    public Option<int?> Batch { get; } = new("--batch") { Description = "Pictures a pass" };
    public Option<int?> Workers { get; } = new("--workers") { Description = "Threads that read and decode" };
    public Option<bool> TrustPictures { get; } = new("--trust-pictures") { Description = "Take the pictures of a store that is there to be what they were, instead of reading each once to compare" };
    public Option<bool> Strict { get; } = new("--strict") { Description = "Stop at the first picture that cannot be read" };

    public IEnumerable<Option> All => [Data, Test, Layout, Classes, T, Blocks, Pool, Views, Draws, Size, Seed, Limit, Class, Store, IgnoreExif, Batch, Workers, Strict, TrustPictures];

    /// <summary>Those that only a net's features have a use for.</summary>
    public IEnumerable<Option> OfNets => [T, Blocks, Pool, Views, Draws, Size, Class, Store, IgnoreExif, Batch];

    public int[]? BlockList(ParseResult arguments) => arguments.GetValue(Blocks) is { } text ? Numbers("--blocks", text) : null;

    public FeatureRequest Request(ParseResult arguments, UNet net, DType precision)
    {
        var (height, width) = arguments.GetValue(Size) is { } size ? ParseSize(size) : (net.Config.ImageSize, net.Config.ImageSize);
        return new()
        {
            T = Numbers("--t", arguments.GetValue(T)!),
            Blocks = BlockList(arguments) ?? [FeatureRequest.DefaultBlock(net.Layout)],
            Pools = Numbers("--pool", arguments.GetValue(Pool)!),
            Flip = arguments.GetValue(Views) switch { null => false, "flip" => true, var other => throw new ArgumentException($"--views {other}: expected flip") },
            Draws = arguments.GetValue(Draws),
            Height = height,
            Width = width,
            Seed = arguments.GetValue(Seed),
            Precision = precision,
            StoredAs = arguments.GetValue(Store) switch { null or "fp32" => DType.Float32, "fp16" => DType.Float16, var other => throw new ArgumentException($"--store-as {other}: expected fp32 or fp16") },
            Class = arguments.GetValue(Class),
            Exif = arguments.GetValue(IgnoreExif) ? ExifPolicy.Ignore : ExifPolicy.Apply,
        };
    }

    /// <summary>The pictures of --data and --test; those of --test alone are test pictures without others.</summary>
    /// <exception cref="ArgumentException">Neither is given.</exception>
    public Workflows.ExtractItems Items(ParseResult arguments)
    {
        var test = arguments.GetValue(Test) is { } folder ? Open(arguments, folder) : null;
        return arguments.GetValue(Data) is { } data ? Workflows.ExtractItems.Of(Open(arguments, data), test, arguments.GetValue(Seed), arguments.GetValue(Limit))
            : test is not null ? Workflows.ExtractItems.OfTest(test, arguments.GetValue(Limit))
            : throw new ArgumentException("no pictures are named: give --data DIR, or --test DIR alone for test pictures without training pictures");
    }

    /// <summary>The pictures to test a trained head on: of --test, or else the test part of --data as training would have it.</summary>
    public Workflows.ExtractItems TestItems(ParseResult arguments)
    {
        var set = Open(arguments, arguments.GetValue(Test) ?? arguments.GetValue(Data)!);
        return arguments.GetValue(Test) is null && set.Items.Any(item => item.Split is PictureSplit.Train or PictureSplit.None)
            ? Workflows.ExtractItems.Of(set, seed: arguments.GetValue(Seed), limit: arguments.GetValue(Limit)) : Workflows.ExtractItems.OfTest(set, arguments.GetValue(Limit));
    }

    /// <summary>Refuses to write results among the pictures.</summary>
    /// <exception cref="ArgumentException">The folder is that of the pictures.</exception>
    public void RefuseInto(ParseResult arguments, string output)
    {
        foreach (var option in (Option<string?>[])[Data, Test])
        {
            if (Directory.Exists(output) && arguments.GetValue(option) is { } pictures && Path.TrimEndingDirectorySeparator(Path.GetFullPath(pictures)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)))
            {
                throw new ArgumentException($"--out {output} is the folder of the pictures ({option.Name}); give one of its own");
            }
        }
    }

    PictureSet Open(ParseResult arguments, string path) => CommonOptions.Open(path, arguments.GetValue(Layout), arguments.GetValue(Classes));

    public Workflows.ExtractOptions Options(ParseResult arguments) => new()
    {
        BatchSize = arguments.GetValue(Batch), Workers = arguments.GetValue(Workers) ?? Environment.ProcessorCount, Strict = arguments.GetValue(Strict), ComparePictures = !arguments.GetValue(TrustPictures),
    };

    public static int[] Numbers(string option, string text, bool ascending = true)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var numbers = parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new ArgumentException($"{option} {text}: '{part}' is not a whole number of at least 0; expected a list such as 90,150")).ToArray();
        return numbers.Length > 0 ? ascending ? [.. numbers.Distinct().Order()] : numbers : throw new ArgumentException($"{option} is empty; expected a list such as 90,150");
    }

    static (int Height, int Width) ParseSize(string text)
    {
        var parts = text.Split('x', 'X');
        return parts.Length == 2 && int.TryParse(parts[0], out var height) && int.TryParse(parts[1], out var width) ? (height, width)
            : int.TryParse(text, out var side) ? (side, side)
            : throw new ArgumentException($"--size {text}: expected HxW in pixels, such as 256x384");
    }
}
