using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Tests.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class ForwardTests
{
    [Fact]
    public void Forward_writes_what_guided_diffusion_puts_out()
    {
        using var scope = new TensorScope();
        using var scratch = new ScratchFolder();
        using var golden = Golden.Load("unet");
        File.WriteAllText(scratch["net.json"], golden.Description.GetProperty("create_model").GetRawText());
        using var model = UNetLoader.Open(Golden.PathOf("unet", "model.safetensors"), scratch["net.json"]);

        var count = Forward.Run(model, Golden.PathOf("unet", "inputs.safetensors"), scratch["out.safetensors"]);

        Assert.Equal(golden.Input("x").Size(0), count);
        using var output = CheckpointFile.Open(scratch["out.safetensors"]);
        Assert.Equal(golden.Description.GetProperty("total_blocks").GetInt32() + 1, output.Tensors.Count);
        foreach (var (name, stored) in output.Tensors)
        {
            golden.Check(name, stored.ToTensor());
        }
        Assert.Equal(model.Fingerprint, output.Metadata["diffract.model_sha256"]);
    }

    [Fact]
    public void Forward_takes_whole_and_fractional_steps_and_classes()
    {
        using var scratch = new ScratchFolder();
        using var scope = new TensorScope();
        var config = RandomNet.Small with { Classes = 5 };
        var net = new RandomNet(config);
        var x = RandomNet.Pictures(config, 2);
        using var model = UNetLoader.Open(net.Write(scratch, "net.safetensors"));
        float[] Out(params SafetensorsEntry[] more)
        {
            SafetensorsWriter.Write(scratch["in.safetensors"], [SafetensorsEntry.Of("x", [2, 3, 16, 16], x), .. more]);
            Forward.Run(model, scratch["in.safetensors"], scratch["out.safetensors"]);
            using var file = CheckpointFile.Open(scratch["out.safetensors"]);
            return file.Get("out").ToArray<float>();
        }

        var whole = Out(SafetensorsEntry.Of("timesteps", [2], (long[])[90, 750]));
        var real = Out(SafetensorsEntry.Of("timesteps", [2], (float[])[90, 750]));
        var withClass = Out(SafetensorsEntry.Of("timesteps", [2], (float[])[90, 750]), SafetensorsEntry.Of("y", [2], (long[])[4, 4]));

        Assert.Equal(whole, real);
        Assert.NotEqual(whole, withClass);
    }

    [Theory]
    [InlineData("no x", "no tensor 'x'")]
    [InlineData("channels", "expected (N, 3, H, W)")]
    [InlineData("odd side", "multiples of 4")]
    [InlineData("no timesteps", "no tensor 'timesteps'")]
    [InlineData("too few timesteps", "expected (2), whole or float steps")]
    [InlineData("classes", "Leave 'y' out")]
    public void Inputs_that_do_not_fit_are_named(string fault, string expected)
    {
        using var scratch = new ScratchFolder();
        using var model = UNetLoader.Open(new RandomNet(RandomNet.Small).Write(scratch, "net.safetensors"));
        long[] shape = fault switch { "channels" => [2, 4, 16, 16], "odd side" => [2, 3, 16, 18], _ => [2, 3, 16, 16] };
        var steps = fault == "too few timesteps" ? 1 : 2;
        List<SafetensorsEntry> entries = [SafetensorsEntry.Of("x", shape, new float[shape.Aggregate((a, b) => a * b)]), SafetensorsEntry.Of("timesteps", [steps], new long[steps])];
        entries.RemoveAll(e => fault == "no " + e.Name);
        if (fault == "classes")
        {
            entries.Add(SafetensorsEntry.Of("y", [2], new long[2]));
        }
        SafetensorsWriter.Write(scratch["in.safetensors"], entries);

        var error = Assert.Throws<CheckpointException>(() => Forward.Run(model, scratch["in.safetensors"], scratch["out.safetensors"]));

        Assert.Contains(expected, error.Message);
        Assert.False(File.Exists(scratch["out.safetensors"]));
    }

    [Fact]
    public void Classes_out_of_range_are_named()
    {
        using var scratch = new ScratchFolder();
        using var model = UNetLoader.Open(new RandomNet(RandomNet.Small with { Classes = 5 }).Write(scratch, "net.safetensors"));
        SafetensorsWriter.Write(scratch["in.safetensors"],
            [SafetensorsEntry.Of("x", [2, 3, 16, 16], new float[2 * 3 * 256]), SafetensorsEntry.Of("timesteps", [2], new long[2]), SafetensorsEntry.Of("y", [2], (long[])[1, 5])]);

        var error = Assert.Throws<CheckpointException>(() => Forward.Run(model, scratch["in.safetensors"], scratch["out.safetensors"]));

        Assert.Contains("'y' holds class 5 at 1; this net has 0 to 4", error.Message);
    }
}
