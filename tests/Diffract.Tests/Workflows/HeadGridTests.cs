using Diffract.Heads;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class HeadGridTests
{
    static IReadOnlyList<GridLine> Read(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["grid.json"], json);
        return HeadGrid.Read(folder["grid.json"], "default");
    }

    [Fact]
    public void Lists_stand_for_a_head_of_each()
    {
        var lines = Read("""
            [
                "linear-4k", // as a name
                {"head": ["linear", "attention-2"], "t": [90, [90, 150]], "pool": 2, "lr": 0.001},
                {"head": "attention-5", "recipe": "2307.08702", "blocks": [[19, 24]], "lr": [1e-4, 1e-3], "decay": [0]},
                {"name": "wide", "config": {"kind": "attention", "dim": 2048}},
            ]
            """);

        Assert.Equal(["linear-4k", "linear-p2-t90", "linear-p2-t90+150", "attention-2-t90", "attention-2-t90+150", "attention-5-2307.08702-b19+24", "wide"], lines.Select(line => line.Name));
        Assert.Equal([90, 150], lines[2].T!);
        Assert.Equal([0.001], lines[2].LearningRates!);
        Assert.Equal((2, "default"), (lines[1].Named!.Pool, lines[1].Named!.Recipe));
        Assert.Equal(("2307.08702", 2), (lines[5].Named!.Recipe, lines[5].Blocks!.Count));
        Assert.Equal(2048, Assert.IsType<AttentionConfig>(lines[6].Config).Dim);
        Assert.Null(lines[0].T);
    }

    [Fact]
    public void Pools_make_no_copies_of_heads_that_have_none() =>
        Assert.Equal(["linear-p1", "linear-p2", "attention-2", "mlp-p1", "mlp-p2"], Read("""[{"head": ["linear", "attention-2", "mlp"], "pool": [1, 2]}]""").Select(line => line.Name));

    [Theory]
    [InlineData("""[{"head": "liner", "t": "x", "depth": 3}, {"pool": 1}, 5]""", "item 1: head 'liner': expected", "item 1: unknown key depth", "item 2: expected one of head and config", "item 3: expected a head's name or an object")]
    [InlineData("""[{"head": "linear", "t": ["x"], "lr": -1, "recipe": "mine"}]""", "item 1: t is \"x\"", "item 1: lr is -1", "recipe 'mine': known are")]
    [InlineData("""[{"head": ["linear", "cnn"], "name": "both"}, {"head": "linear", "name": "../up"}]""", "a name for several heads", "name '../up' is to be a folder's")]
    [InlineData("""[{"config": {"kind": "attention", "depth": 0}}]""", "item 1: config: depth is 0")]
    [InlineData("""[{"head": ["attention-2", "cnn"], "pool": [1, 2]}, {"config": {"kind": "linear"}, "pool": 2}]""", "item 1: pool is for linear heads and MLPs", "item 2: pool beside config, which says its own")]
    [InlineData("[]", "names no head")]
    [InlineData("{}", "expected a list of heads")]
    [InlineData("[", "not JSON")]
    public void What_cannot_be_used_is_named_all_together(string json, params string[] faults)
    {
        var error = Assert.Throws<HeadConfigException>(() => Read(json));

        Assert.Contains("grid.json", error.Message);
        Assert.All(faults, fault => Assert.Contains(fault, error.Message));
    }
}
