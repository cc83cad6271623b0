using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Which of a store's (or an extractor's) maps a head reads: for each block the pool that loses nothing the head needs.</summary>
public sealed class HeadInputs
{
    readonly Dictionary<int, int> _pool = [];

    HeadInputs(HeadConfig head) => Head = head;

    public HeadConfig Head { get; }

    /// <summary>The pools in use, ascending.</summary>
    public IReadOnlyList<int> Pools => [.. _pool.Values.Distinct().Order()];

    /// <summary>Completes a head for the maps at hand.</summary>
    /// <param name="head">Kind and settings.</param> <param name="ts">Steps, ascending.</param> <param name="blocks">Blocks, ascending; a head with feedback knows its own.</param> <param name="classes">Outputs.</param>
    /// <param name="pools">Pools that are at hand; null: any can be made.</param> <param name="shape">(C, h, w) of a map.</param> <param name="whole">Sides of a block's whole map.</param>
    /// <exception cref="FeatureStoreException">No pool at hand serves the head.</exception> <exception cref="HeadConfigException">The head cannot be built.</exception>
    public static HeadInputs Choose(HeadConfig head, IReadOnlyList<int> ts, IReadOnlyList<int> blocks, int classes, IReadOnlyList<int>? pools, Func<FeatureName, long[]> shape, Func<int, (int Height, int Width)> whole)
    {
        blocks = head is FeedbackHeadConfig feedback ? feedback.FirstPassBlocks : blocks;
        var specs = new List<FeatureSpec>();
        var chosen = new Dictionary<int, int>();
        foreach (var block in blocks)
        {
            chosen[block] = Pool(head, block, pools, whole(block));
            var map = shape(new(ts[0], block, chosen[block]));
            specs.Add(new(block, (int)map[0], (int)map[1], (int)map[2]));
        }
        var complete = head.Complete(ts, specs, classes);
        complete.Check("head");
        var inputs = new HeadInputs(complete);
        foreach (var (block, pool) in chosen)
        {
            inputs._pool[block] = pool;
        }
        return inputs;
    }

    public FeatureName Name(FeatureKey key, int view = 0, int draw = 0) => new(key.T, key.Block, _pool[key.Block], view, draw);

    /// <summary>The head's maps of some rows, each row with its own view and draw.</summary>
    /// <param name="pick">From a place in <paramref name="rows"/> to the view and draw there.</param>
    /// <param name="gathered">Maps of these rows that were read before, by name without view and draw: they are not read again, and what is read is added. May be null.</param>
    public IReadOnlyDictionary<FeatureKey, Tensor> Gather(FeatureStore store, ReadOnlySpan<int> rows, Func<int, (int View, int Draw)> pick, Dictionary<FeatureName, Tensor>? gathered = null)
    {
        gathered ??= [];
        var maps = new Dictionary<FeatureKey, Tensor>();
        var names = new FeatureName[rows.Length];
        foreach (var key in Head.Keys)
        {
            if (gathered.TryGetValue(Name(key), out var before))
            {
                maps[key] = before;
                continue;
            }
            for (var i = 0; i < rows.Length; i++)
            {
                var (view, draw) = pick(i);
                names[i] = Name(key, view, draw);
            }
            maps[key] = gathered[Name(key)] = store.Gather(names, rows);
        }
        return maps;
    }

    /// <summary>The pools that an extraction keeps for a head: 0 where it reads whole maps.</summary>
    /// <param name="blocks">Of the request, that the head reads; null: all.</param>
    public static IEnumerable<int> PoolsFor(HeadConfig head, UNetLayout layout, FeatureRequest request, IReadOnlyList<int>? blocks = null) =>
        (blocks ?? request.Blocks).Select(block => Pool(head, block, pools: null, request.Whole(block, layout)));

    // Exactly what the head pools to, or the whole map, or one whose windows the head's windows join evenly.
    static int Pool(HeadConfig head, int block, IReadOnlyList<int>? pools, (int Height, int Width) whole)
    {
        var longer = Math.Max(whole.Height, whole.Width);
        bool Whole(int pool) => pool == 0 || pool >= longer;
        var wanted = head switch
        {
            LinearConfig linear => linear.Pool,
            AttentionConfig { Tokens: TokenConfig.Projected tokens } => Math.Min(tokens.Size, longer),
            _ => longer,
        };
        if (pools is null)
        {
            return Whole(wanted) ? 0 : wanted;
        }
        int? found = pools.Contains(wanted) ? wanted
            : pools.Any(Whole) ? pools.First(Whole)
            : head is LinearConfig ? pools.Cast<int?>().FirstOrDefault(pool => pool % wanted == 0 && whole.Height % pool!.Value == 0 && whole.Width % pool.Value == 0)
            : null;
        return found ?? throw new FeatureStoreException(
            $"the head needs block {block} pooled to {wanted} x {wanted} or whole; at hand are pools {string.Join(", ", pools)}. Extract with --pool {(head is LinearConfig ? wanted : 0)} as well, or choose another --pool.");
    }
}
