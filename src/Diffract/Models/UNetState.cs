using Diffract.Torch;

namespace Diffract.Models;

/// <summary>A pass that stands after a block: all that the blocks to come need of it.</summary>
/// <param name="Block">The last block that was computed, from 1; 0: none yet.</param>
/// <param name="Outputs">By block, (N, C, H, W): the last one's (of block 0: the net's input), and those of earlier input blocks that feed an output block to come.</param>
public sealed record UNetState(int Block, IReadOnlyDictionary<int, Tensor> Outputs)
{
    /// <summary>Before the first block.</summary>
    public static UNetState Start(Tensor x) => new(0, new Dictionary<int, Tensor> { [0] = x });

    /// <summary>The blocks whose outputs a pass that stands after <paramref name="block"/> needs to go on to <paramref name="last"/>, ascending.</summary>
    public static IEnumerable<int> Needs(UNetLayout layout, int block, int last) => SkipsOf(layout, block, last).Append(block).Distinct();

    internal Tensor Output => Of(Block);

    /// <summary>Skip connections on the stack, the first to be taken last.</summary>
    internal IEnumerable<Tensor> Skips(UNetLayout layout, int last) => SkipsOf(layout, Block, last).Select(Of);

    // Those of input blocks that were computed and are not yet taken: output block i takes input block n - i.
    static IEnumerable<int> SkipsOf(UNetLayout layout, int block, int last) =>
        Enumerable.Range(1, Math.Max(0, Math.Min(Math.Min(block, layout.InputBlocks.Count), layout.Blocks.Count - block))).Where(e => layout.SkipIsUsed(e, last));

    Tensor Of(int block) => Outputs.TryGetValue(block, out var output) ? output
        : throw new ArgumentException($"a pass that goes on after block {Block} needs the output of block {block}; there are those of {string.Join(", ", Outputs.Keys.Order())}");
}
