using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Features;

/// <summary>Which features of each picture are wanted.</summary>
public sealed record FeatureRequest
{
    const int MostSide = 8192;

    /// <summary>Noise steps, ascending, from 0.</summary>
    public required IReadOnlyList<int> T { get; init; }
    /// <summary>Blocks in the papers' numbering, ascending, from 1.</summary>
    public required IReadOnlyList<int> Blocks { get; init; }
    /// <summary>Maps are averaged to k x k for each k here; a map that is smaller stays as it is; 0 keeps every map whole.</summary>
    public IReadOnlyList<int> Pools { get; init; } = [2];
    /// <summary>True adds the mirrored picture as a second view.</summary>
    public bool Flip { get; init; }
    /// <summary>Noise is drawn this many times for each picture, view and step.</summary>
    public int Draws { get; init; } = 1;
    /// <summary>Rows and columns of the net's input in pixels.</summary>
    public required int Height { get; init; }
    public required int Width { get; init; }
    public ulong Seed { get; init; }
    /// <summary>Type of maps and products inside the net.</summary>
    public DType Precision { get; init; } = DType.Float32;
    /// <summary>Type in which features are kept: float32 or float16.</summary>
    public DType StoredAs { get; init; } = DType.Float32;
    /// <summary>The class that a class-conditional net is told for every picture; null leaves its class embedding out.</summary>
    public int? Class { get; init; }
    public ExifPolicy Exif { get; init; } = ExifPolicy.Apply;

    /// <summary>One block at one step, maps averaged to 2 x 2, pictures of the net's own size.</summary>
    /// <param name="t">Noise step.</param> <param name="block">In the papers' numbering; null: <see cref="DefaultBlock"/>.</param>
    public static FeatureRequest Of(UNet net, int t = 90, int? block = null) =>
        new() { T = [t], Blocks = [block ?? DefaultBlock(net.Layout)], Height = net.Config.ImageSize, Width = net.Config.ImageSize };

    /// <summary>24 of 37 blocks, and as deep in other nets.</summary>
    public static int DefaultBlock(UNetLayout layout) => (int)Math.Round(layout.Blocks.Count * 24 / 37.0);

    public int Views => Flip ? 2 : 1;

    /// <summary>Passes of the net for one picture.</summary>
    public int Passes => Views * Draws * T.Count;

    /// <summary>Every map that one picture gives.</summary>
    public IEnumerable<FeatureName> Names =>
        from view in Enumerable.Range(0, Views)
        from draw in Enumerable.Range(0, Draws)
        from t in T
        from block in Blocks
        from pool in Pools
        select new FeatureName(t, block, pool, view, draw);

    /// <summary>(C, h, w) of a map.</summary>
    public long[] Shape(FeatureName name, UNetLayout layout)
    {
        var block = layout.Blocks[name.Block - 1];
        var (height, width) = Whole(name.Block, layout);
        int Side(int whole) => name.Pool == 0 ? whole : Math.Min(name.Pool, whole);
        return [block.OutChannels, Side(height), Side(width)];
    }

    /// <summary>Sides of a block's whole map.</summary>
    public (int Height, int Width) Whole(int block, UNetLayout layout) => (Height / layout.Blocks[block - 1].OutStride, Width / layout.Blocks[block - 1].OutStride);

    /// <exception cref="ArgumentException">Something is asked for that the net or the process does not have; all faults are named.</exception>
    public void Check(UNetLayout layout, int steps)
    {
        var faults = new List<string>();
        void Ascending(string what, IReadOnlyList<int> list, int low, int high)
        {
            if (list.Count == 0 || list[0] < low || list[^1] > high || list.Zip(list.Skip(1)).Any(pair => pair.First >= pair.Second))
            {
                faults.Add($"{what} [{string.Join(", ", list)}]: expected ascending numbers in {low}..{high}, without repeats");
            }
        }
        Ascending("t", T, 0, steps - 1);
        Ascending("blocks", Blocks, 1, layout.Blocks.Count);
        Ascending("pools", Pools, 0, 1024);
        var stride = layout.Config.Stride;
        if (Height < stride || Width < stride || Height % stride != 0 || Width % stride != 0)
        {
            faults.Add($"size {Height}x{Width}: this net takes multiples of {stride}");
        }
        if (Height > MostSide || Width > MostSide)
        {
            faults.Add($"size {Height}x{Width}: expected at most {MostSide} pixels a side");
        }
        if (Draws is < 1 or > 100_000)
        {
            faults.Add($"draws {Draws}: expected 1 to 100000");
        }
        if (Class is { } label && (layout.Config.Classes is not { } classes || label < 0 || label >= classes))
        {
            faults.Add(layout.Config.Classes is { } n ? $"class {label}: this net has classes 0..{n - 1}" : $"class {label}: this net has no classes; leave it out");
        }
        if (StoredAs is not (DType.Float32 or DType.Float16))
        {
            faults.Add($"features are stored as float32 or float16, not {StoredAs}");
        }
        if (faults.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", faults));
        }
    }

    /// <summary>True where every map that the other asks for is among this one's, made in the same way.</summary>
    public bool Holds(FeatureRequest other) => Lacks(other).Count == 0;

    /// <summary>What the other asks for that is not among this one's maps or was made differently, a phrase each; empty where this one holds it all.</summary>
    public IReadOnlyList<string> Lacks(FeatureRequest other)
    {
        var lacks = new List<string>();
        void Among(string what, IReadOnlyList<int> held, IReadOnlyList<int> asked)
        {
            int[] missing = [.. asked.Except(held)];
            if (missing.Length > 0)
            {
                lacks.Add($"{what}: {string.Join(", ", missing)} asked for, the store holds {string.Join(", ", held)}");
            }
        }
        Among("t", T, other.T);
        Among("blocks", Blocks, other.Blocks);
        Among("pools", Pools, other.Pools);
        if (other.Views > Views)
        {
            lacks.Add("views: mirrored pictures asked for, the store holds the centre crop alone");
        }
        if (other.Draws > Draws)
        {
            lacks.Add($"draws: {other.Draws} asked for, the store holds {Draws}");
        }
        JsonObject Making(FeatureRequest request) => (request with { T = [], Blocks = [], Pools = [], Flip = false, Draws = 1 }).ToJson();
        return [.. lacks, .. StoreManifest.Differences(Making(other), Making(this))];
    }

    /// <summary>As the options of `diffract extract`: "--t 90,150 --blocks 24 --pool 2 --size 256x256 --precision fp32".</summary>
    public string Options => string.Join(' ', (string[])
    [
        $"--t {string.Join(',', T)} --blocks {string.Join(',', Blocks)} --pool {string.Join(',', Pools)} --size {Height}x{Width} --precision {(Precision == DType.Float32 ? "fp32" : "bf16")}",
        .. StoredAs == DType.Float16 ? ["--store-as fp16"] : Array.Empty<string>(), .. Flip ? ["--views flip"] : Array.Empty<string>(), .. Draws > 1 ? [$"--draws {Draws}"] : Array.Empty<string>(),
        .. Seed > 0 ? [$"--seed {Seed}"] : Array.Empty<string>(), .. Class is { } label ? [$"--class {label}"] : Array.Empty<string>(), .. Exif == ExifPolicy.Ignore ? ["--ignore-exif"] : Array.Empty<string>(),
    ]);

    /// <summary>What the manifest says of it.</summary>
    public JsonObject ToJson() => new()
    {
        ["t"] = Numbers(T),
        ["blocks"] = Numbers(Blocks),
        ["pools"] = Numbers(Pools),
        ["views"] = new JsonArray([.. Enumerable.Range(0, Views).Select(v => (JsonNode)(v == 0 ? "centre crop" : "centre crop, mirrored"))]),
        ["draws"] = Draws,
        ["height"] = Height,
        ["width"] = Width,
        ["seed"] = Seed,
        ["precision"] = Precision == DType.Float32 ? "fp32" : "bf16",
        ["storedAs"] = StoredAs == DType.Float32 ? "fp32" : "fp16",
        ["class"] = Class,
        ["exif"] = Exif == ExifPolicy.Apply ? "applied" : "ignored",
    };

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static FeatureRequest FromJson(JsonNode json) => new()
    {
        T = Numbers(json["t"]!),
        Blocks = Numbers(json["blocks"]!),
        Pools = Numbers(json["pools"]!),
        Flip = json["views"]!.AsArray().Count == 2,
        Draws = (int)json["draws"]!,
        Height = (int)json["height"]!,
        Width = (int)json["width"]!,
        Seed = (ulong)json["seed"]!,
        Precision = (string)json["precision"]! == "fp32" ? DType.Float32 : DType.BFloat16,
        StoredAs = (string)json["storedAs"]! == "fp32" ? DType.Float32 : DType.Float16,
        Class = (int?)json["class"],
        Exif = (string)json["exif"]! == "applied" ? ExifPolicy.Apply : ExifPolicy.Ignore,
    };

    static JsonArray Numbers(IReadOnlyList<int> list) => new([.. list.Select(n => (JsonNode)n)]);

    static int[] Numbers(JsonNode list) => [.. list.AsArray().Select(n => (int)n!)];
}

/// <summary>One map of a picture: after block b at step t, pooled to k x k (0: whole), of a view and a draw of noise.</summary>
public readonly record struct FeatureName(int T, int Block, int Pool, int View = 0, int Draw = 0)
{
    /// <summary>The tensor's name in a store: "t090/b24/p2/v0/d0".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"t{T:d3}/b{Block:d2}/p{Pool}/v{View}/d{Draw}");
}
