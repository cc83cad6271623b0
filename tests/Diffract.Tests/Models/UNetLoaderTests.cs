using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;

namespace Diffract.Tests.Models;

public class UNetLoaderTests
{
    [Fact]
    public void A_net_is_read_as_far_as_the_last_block()
    {
        using var scratch = new ScratchFolder();
        var path = new RandomNet(RandomNet.Small).Write(scratch, "net.safetensors");

        using var whole = UNetLoader.Open(path);
        using var part = UNetLoader.Open(path, lastBlock: 8);

        Assert.Equal(whole.Net.Layout.Blocks.Count, whole.Net.Last);
        Assert.Equal(8, part.Net.Last);
        Assert.Equal(part.Net.Layout.Blocks.Take(8).Sum(b => UNetShapes.ParameterCount(b, part.Config)), part.Store.Count - part.Store.Parameters.Where(p => p.Key.StartsWith("time_embed")).Sum(p => p.Value.Elements));
        Assert.Contains("blocks 1 to 13", Assert.Throws<ArgumentException>(() => UNetLoader.Open(path, lastBlock: 14)).Message);
    }

    [Fact]
    public void One_of_several_state_dicts_is_named_behind_the_file()
    {
        using var scratch = new ScratchFolder();
        var (model, ema) = (new RandomNet(RandomNet.Small), new RandomNet(RandomNet.Small));
        ema.Weights["out.2.bias"] = [1, 2, 3];
        var layout = new UNetLayout(RandomNet.Small);
        SafetensorsWriter.Write(scratch["state.safetensors"],
            new[] { ("model.", model), ("ema.", ema) }.SelectMany(part => UNetShapes.Parameters(layout).Select(p => SafetensorsEntry.Of(part.Item1 + p.Name, p.Shape, part.Item2.Weights[p.Name]))));

        using var loaded = UNetLoader.Open(scratch["state.safetensors"] + "#ema");

        Assert.Equal([1, 2, 3], loaded.Store.Parameters["out.2.bias"].ToArray<float>());
        Assert.Equal("ema", loaded.StateDict);
        Assert.Contains("state.safetensors#ema", Assert.Throws<CheckpointException>(() => UNetLoader.Open(scratch["state.safetensors"])).Message);
        Assert.Contains("'nothing'", Assert.Throws<CheckpointException>(() => UNetLoader.Open(scratch["state.safetensors"] + "#nothing")).Message);
    }

    [Fact]
    public void Missing_misshapen_and_unread_tensors_are_named_together()
    {
        using var scratch = new ScratchFolder();
        var net = new RandomNet(RandomNet.Small);
        var entries = UNetShapes.Parameters(new UNetLayout(RandomNet.Small)).Where(p => p.Name != "middle_block.0.in_layers.0.bias")
            .Select(p => p.Name == "time_embed.2.bias" ? SafetensorsEntry.Of(p.Name, [64], new float[64]) : SafetensorsEntry.Of(p.Name, p.Shape, net.Weights[p.Name]))
            .Append(SafetensorsEntry.Of("middle_block.3.weight", [1], new float[1]));
        SafetensorsWriter.Write(scratch["net.safetensors"], entries);

        var message = Assert.Throws<CheckpointException>(() => UNetLoader.Open(scratch["net.safetensors"])).Message;

        Assert.Contains("1 tensors missing: middle_block.0.in_layers.0.bias", message);
        Assert.Contains("time_embed.2.bias (is (64), the model needs (128))", message);
        Assert.Contains("1 tensors not read: middle_block.3.weight", message);
    }

    [Fact]
    public void Half_precision_files_load_like_others()
    {
        using var scope = new TensorScope();
        using var scratch = new ScratchFolder();
        using (var net = UNetLoader.Open(new RandomNet(RandomNet.Small).Write(scratch, "net.safetensors")))
        {
            UNetFile.Write(scratch["half.safetensors"], net.Config, "linear", net.Store.ToEntries(DType.Float16));
        }

        using var half = UNetLoader.Open(scratch["half.safetensors"], precision: DType.BFloat16);

        Assert.Equal(DType.BFloat16, half.Net.ComputeType);
        Assert.Equal(DType.BFloat16, half.Store.Parameters["middle_block.0.in_layers.2.weight"].DType);
        Assert.Equal(DType.Float32, half.Store.Parameters["middle_block.0.in_layers.0.weight"].DType);
    }
}
