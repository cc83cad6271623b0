using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffract.Heads;

/// <summary>
/// A head as the papers name it: "linear-16k", "mlp-4k-2k-2k", "cnn-1k-4k-2k", "attention-1k-5", "attention-5", "difformer-2", or the kind alone. A linear head's and an MLP's first
/// figure is the length of the pooled vector, which tells the pool; a CNN's and (where there are two) an attention head's is the channels of the maps.
/// </summary>
/// <param name="Kind">"linear", "mlp", "cnn", "attention" or "difformer".</param> <param name="Figures">"4k" is 4,096; "65k", as the papers write it, 65,536.</param>
/// <remarks>2307.08702, Tables 7 to 9; 2311.17921, Tables 11 to 13.</remarks>
public sealed partial record HeadName(string Kind, IReadOnlyList<int> Figures)
{
    public const string Known = "linear, linear-16k, mlp, mlp-4k-2k-2k, cnn, cnn-1k-4k-2k, attention, attention-5, attention-1k-5, difformer or difformer-5";

    public bool IsAttention => Kind is "attention" or "difformer";

    /// <exception cref="HeadConfigException">The text names no head.</exception>
    public static HeadName Parse(string text)
    {
        var parts = text.ToLowerInvariant().Split('-');
        var name = parts[1..].All(part => Figure().IsMatch(part)) ? new HeadName(parts[0], [.. parts[1..].Select(Value)]) : null;
        var fits = name is { Figures.Count: var n } && name.Kind switch
        {
            "linear" => n <= 1,
            "mlp" => n is 0 or >= 2,
            "cnn" => n is 0 or >= 2,
            "attention" or "difformer" => n <= 2,
            _ => false,
        };
        return fits && name!.Figures.All(figure => figure > 0) ? name
            : throw new HeadConfigException($"head '{text}': expected {Known}");
    }

    /// <summary>Puts the figures into a head of this kind, for certain maps.</summary>
    /// <param name="head">The rest of the settings.</param> <param name="steps">How many steps it reads.</param> <param name="blocks">The whole maps it reads.</param>
    /// <exception cref="HeadConfigException">The figures do not fit the maps.</exception>
    public HeadConfig Apply(HeadConfig head, int steps, IReadOnlyList<FeatureSpec> blocks)
    {
        var maps = $"{string.Join(", ", blocks.Select(b => $"block {b.Block} ({b.Channels} channels)"))} at {steps} step{(steps > 1 ? "s" : "")}";
        if (Kind == "difformer" && steps == 1 && blocks.Count == 1)
        {
            throw new HeadConfigException($"head '{this}' joins several steps or blocks; here is only {maps}. Give several with --t or --blocks, or take attention.");
        }
        return head switch
        {
            LinearConfig linear when Figures.Count > 0 => linear with { Pool = Pool(steps * blocks.Sum(b => b.Channels), maps), Hidden = [.. Figures.Skip(1)] },
            CnnConfig cnn => Padded(Figures.Count == 0 ? cnn : cnn with { Widths = [.. Figures.Skip(1)] }, blocks, maps),
            AttentionConfig attention when Figures.Count > 0 => Deep(attention, blocks, maps),
            _ => head,
        };
    }

    public override string ToString() => string.Join('-', [Kind, .. Figures.Select(Text)]);

    int Pool(int inputs, string maps)
    {
        var pool = (int)Math.Max(1, Math.Round(Math.Sqrt((double)Figures[0] / inputs)));
        return (long)inputs * pool * pool == Figures[0] ? pool : throw new HeadConfigException(string.Create(CultureInfo.InvariantCulture,
            $"head '{this}' reads vectors of {Figures[0]:n0} values; the maps here ({maps}) give {inputs:n0} x pool x pool, nearest {(long)inputs * pool * pool:n0}. Write {Kind}-{Text(inputs * pool * pool)}{Rest(1)}, or {Kind} with --pool {pool}."));
    }

    CnnConfig Padded(CnnConfig cnn, IReadOnlyList<FeatureSpec> blocks, string maps)
    {
        CheckChannels(Figures.Count > 0, blocks, maps);
        return blocks.Any(b => Math.Min(b.Height, b.Width) < CnnConfig.LeastSide(cnn.Widths.Count, cnn.Padding)) ? cnn with { Padding = 1 } : cnn;
    }

    AttentionConfig Deep(AttentionConfig attention, IReadOnlyList<FeatureSpec> blocks, string maps)
    {
        CheckChannels(Figures.Count > 1, blocks, maps);
        return attention with { Depth = Figures[^1] };
    }

    void CheckChannels(bool given, IReadOnlyList<FeatureSpec> blocks, string maps)
    {
        if (given && blocks.Any(b => b.Channels != Figures[0]))
        {
            throw new HeadConfigException($"head '{this}' reads maps of {Figures[0]} channels; here is {maps}. Write {Kind}-{Text(blocks[0].Channels)}{Rest(1)}{(IsAttention ? $", or {Kind}{Rest(1)}" : "")}.");
        }
    }

    string Rest(int first) => string.Concat(Figures.Skip(first).Select(figure => "-" + Text(figure)));

    static int Value(string text) => text == "65k" ? 65_536
        : (int)Math.Min(int.MaxValue, Math.Round(text.EndsWith('k') ? 1024 * double.Parse(text[..^1], CultureInfo.InvariantCulture) : double.Parse(text, CultureInfo.InvariantCulture)));

    static string Text(int figure) => figure == 65_536 ? "65k" : figure % 512 == 0 && figure >= 1024 ? FormattableString.Invariant($"{figure / 1024.0}k") : figure.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[0-9]{1,9}(\.[0-9]{1,3})?k$|^[0-9]{1,9}$")]
    private static partial Regex Figure();
}
