using System.Text.Json;
using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

/// <summary>Heads and their maps as the golden files of the released code describe them.</summary>
static class HeadGolden
{
    /// <summary>The configuration that a fixture's description means.</summary>
    public static HeadConfig Config(Golden golden)
    {
        var d = golden.Description;
        if (d.TryGetProperty("layer_string", out var layers))
        {
            var whole = AttentionConfig.FromLayerString(layers.GetString()!);
            Assert.Equal(d.GetProperty("num_classes").GetInt32(), whole.Classes);
            return whole with { Ts = [0], Blocks = [new(1, whole.Dim, 8, 8)] };
        }
        int[] ts = [.. Integers(d, "t_list")];
        FeatureSpec[] blocks = [.. Integers(d, "first_fw_b_list").Select(b => new FeatureSpec(b, Of(d, "feature_channels", b), Of(d, "feature_sizes", b), Of(d, "feature_sizes", b)))];
        var (classes, pool) = (d.GetProperty("num_classes").GetInt32(), d.GetProperty("pre_pool_size").GetInt32());
        if (d.GetProperty("head").GetString() == "Head")
        {
            return new LinearConfig { Ts = ts, Blocks = blocks, Classes = classes, Pool = pool, Hidden = [.. Widths(d.GetProperty("head_arc").GetString()!)] };
        }
        var norm = d.GetProperty("norm_type").GetString() == "batch" ? TokenNorm.Batch : TokenNorm.Joint;
        return AttentionConfig.FromLayerString(d.GetProperty("fusion_arc").GetString()!) with
        {
            Ts = ts, Blocks = blocks, Classes = classes, Tokens = new TokenConfig.Projected(pool, norm),
        };
    }

    /// <summary>"64_32": hidden widths.</summary>
    public static IEnumerable<int> Widths(string arc) => arc.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse);

    /// <summary>A fixture's maps: its own inputs, or what a net made, from a file that names them first/[index of t]/[block].</summary>
    public static IReadOnlyDictionary<FeatureKey, Tensor> Maps(Golden golden, HeadConfig config) => golden.Has("inputs.safetensors", "x")
        ? config.Keys.ToDictionary(key => key, _ => golden.Input("x"))
        : config.Ts.SelectMany((t, i) => config.Blocks.Select(b => (Key: new FeatureKey(t, b.Block), Map: golden.Input($"first/{i}/{b.Block}")))).ToDictionary(pair => pair.Key, pair => pair.Map);

    public static IEnumerable<int> Integers(JsonElement description, string name) => description.GetProperty(name).EnumerateArray().Select(v => v.GetInt32());

    static int Of(JsonElement description, string name, int block) => description.GetProperty(name).GetProperty($"{block}").GetInt32();
}
