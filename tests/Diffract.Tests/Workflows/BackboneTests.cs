using Diffract.Features;
using Diffract.Heads;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class BackboneTests
{
    static readonly FeatureRequest Request = TinyNet.Request with { T = [50], Pools = [1] };

    // The state of a training holds two nets; flags beside a file change how many attention heads there are. The file's hash tells neither.
    [Fact]
    public void Another_net_of_the_same_file_and_the_same_net_read_otherwise_are_other_backbones()
    {
        using var folder = new TemporaryFolder();
        var (file, flags) = (folder["two.safetensors"], folder["flags.json"]);
        using (var model = new TinyNet(seed: 1))
        using (var ema = new TinyNet(seed: 2))
        {
            SafetensorsWriter.Write(file, new[] { ("model.", model), ("ema.", ema) }.SelectMany(net => net.Item2.Store.ToEntries().Select(entry => entry with { Name = net.Item1 + entry.Name })));
        }
        File.WriteAllText(flags, (TinyNet.Config with { NumHeadChannels = 16 }).ToJson().ToJsonString());
        var items = ExtractItems.Of(TinyNet.Pictures(100, 40));
        using var used = Backbone.Open(file + "#ema");
        using var other = Backbone.Open(file + "#model");
        using var otherwise = Backbone.Open(file + "#ema", flags);
        Extract.Run(used, items, Request, folder["store"], new() { BatchSize = 20 });
        using var store = FeatureStore.Open(folder["store"]);
        TrainHead.Run(store, new(new LinearConfig { Pool = 1 }, HeadRecipes.Get("logistic", attention: false) with { WeightDecays = [0.1] }), folder["head"]);
        using var head = TrainedHead.Open(Path.Combine(folder["head"], TrainHead.HeadFileName));

        EvaluateHead.Test(head, used, items);
        foreach (var (backbone, what) in new[] { (other, """state_dict "ema", now "model" """), (otherwise, "num_head_channels 64, now 16") })
        {
            Assert.Contains(what.Trim(), Assert.Throws<HeadConfigException>(() => EvaluateHead.Test(head, backbone, items)).Message);
            Assert.Contains(what.Trim(), Assert.Throws<FeatureStoreException>(() => new StoreSource(store, backbone)).Message);
            Assert.Throws<FeatureStoreException>(() => Extract.Run(backbone, items, Request, folder["store"], new() { BatchSize = 20 }));
        }
    }
}
