using System.Text.Json;
using Diffract.Features;
using Diffract.Heads;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>A head as people ask for it: a name of the papers, a recipe that says the rest, and what they want otherwise.</summary>
/// <param name="Name">As <see cref="HeadName.Parse"/> reads it.</param> <param name="Recipe">One of <see cref="HeadRecipes.Names"/>.</param>
public sealed record NamedHead(HeadName Name, string Recipe = "default")
{
    /// <summary>Side of the pooled maps of a linear head or MLP whose name does not tell it.</summary>
    public int? Pool { get; init; }

    /// <summary>Widths of an MLP's hidden layers, where its name does not tell them; other heads have none.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [];

    /// <summary>The recipe's settings for this kind of head.</summary>
    public HeadRecipe Settings => HeadRecipes.Get(Recipe, attention: Name.Kind is not ("linear" or "mlp"));

    /// <summary>The whole maps of a store's blocks, from what its manifest says of the net.</summary>
    public static IReadOnlyList<FeatureSpec> MapsOf(FeatureStore store) =>
        MapsOf(new UNetLayout(UNetConfig.Parse(JsonSerializer.SerializeToElement(store.Manifest.How["model"]!["unet"]), store.Folder)), store.Request);

    /// <summary>The whole maps that are asked of a net.</summary>
    public static IReadOnlyList<FeatureSpec> MapsOf(UNetLayout layout, FeatureRequest request) => [.. request.Blocks.Select(block => FeatureSpec.Of(layout, block, request.Height, request.Width))];

    /// <summary>The head for certain maps; classes are yet to be filled in.</summary>
    /// <param name="steps">How many steps it reads.</param> <param name="blocks">The whole maps it reads.</param> <param name="poolAtHand">The pool where nothing tells it.</param>
    /// <exception cref="HeadConfigException">The name does not fit the maps or what else is asked for.</exception>
    public HeadConfig Config(int steps, IReadOnlyList<FeatureSpec> blocks, int poolAtHand)
    {
        var head = Name.Apply(HeadRecipes.Head(Recipe, Name.Kind, Math.Max(1, Pool ?? poolAtHand), blocks[0].Channels), steps, blocks);
        if (head is not LinearConfig linear)
        {
            return head;
        }
        if (Name.Figures.Count > 0 && Pool is { } pool && pool != linear.Pool)
        {
            throw new HeadConfigException($"head '{Name}' is pool {linear.Pool} on these maps, not {pool}; leave one of them out");
        }
        if (Name.Kind != "mlp")
        {
            return linear;
        }
        if (Name.Figures.Count > 0 && Hidden.Count > 0 && !Hidden.SequenceEqual(linear.Hidden))
        {
            throw new HeadConfigException($"head '{Name}' has hidden layers of {string.Join(", ", linear.Hidden)}, not {string.Join(", ", Hidden)}; leave one of them out");
        }
        linear = Hidden.Count > 0 ? linear with { Hidden = Hidden } : linear;
        return linear.Hidden.Count == 0 ? throw new HeadConfigException("an MLP needs hidden widths: mlp-4k-2k-2k, or mlp with --hidden 2048,2048") : linear;
    }
}
