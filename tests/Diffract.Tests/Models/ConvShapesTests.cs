using Diffract.Models;
using Diffract.Workflows;

namespace Diffract.Tests.Models;

public sealed class ConvShapesTests
{
    [Theory]
    [InlineData("full256", 24)]
    [InlineData("full256", 37)]
    [InlineData("small32", 19)]
    public void Convolutions_are_all_the_work_but_attention_and_the_embedding(string net, int last)
    {
        var layout = new UNetLayout(BenchNets.Config(net));
        var (config, side) = (layout.Config, layout.Config.ImageSize);

        var convolutions = ConvShapes.Of(layout, last, side).Sum(shape => Pixels(shape.Side / shape.Stride) * shape.Kernel * shape.Kernel * shape.In * shape.Out);

        var blocks = layout.Blocks.Take(last);
        var embedding = blocks.SelectMany(block => block.Layers.OfType<UNetLayer.Residual>()).Sum(layer => 2L * config.TimeEmbeddingWidth * layer.Out);
        var attention = blocks.Sum(block => block.Layers.OfType<UNetLayer.Attention>().Sum(layer => 2 * Pixels(side / block.InStride) * Pixels(side / block.InStride) * layer.Channels));
        Assert.Equal(blocks.Sum(block => UNetShapes.MultiplyAdds(block, config, side, side)), convolutions + embedding + attention);
    }

    static long Pixels(int side) => (long)side * side;
}
