using Diffract.Data;
using Diffract.Diffusion;
using Diffract.Features;
using Diffract.Metrics;
using Diffract.Reports;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>The page of a finished demonstration: what the net sees, how well each representation does, and what is right and wrong.</summary>
public static class DemoPage
{
    public static Reports.Table Table(IReadOnlyList<DemoLine> lines, DemoConfig config)
    {
        var table = new Reports.Table(new("pictures seen as"), new($"{config.Train:n0} labels", Align.Right), new("95 % interval", Align.Right), new($"{config.Few} labels a class", Align.Right), new("95 % interval", Align.Right));
        table.Add("chance", Numbers.Percent(1.0 / BuiltInPictures.ClassCount));
        foreach (var line in lines)
        {
            table.Add(line.Name, Numbers.Percent(line.All.Top1), Ends(line.All), line.Few is { } few ? Numbers.Percent(few.Top1) : "", line.Few is { } f ? Ends(f) : "");
        }
        return table;
    }

    public static void Write(string folder, IReadOnlyList<DemoLine> lines, DemoConfig config)
    {
        var set = BuiltInSet.Make(config.Seed, 0, config.Train, config.Test, size: 32);
        var page = new HtmlPage("What a diffusion model has learned to see")
            .Paragraph($"A small U-Net was trained to remove noise from pictures, without any labels. Here its activations classify {config.Test:n0} pictures it has never seen, by heads trained on {config.Train:n0} labelled ones.")
            .Figure(Bars(lines), "Accuracy on the test pictures, with 95 % intervals (Wilson).")
            .Table(Table(lines, config), "The same in numbers.")
            .Heading("What the net is given")
            .Paragraph($"A picture is noised to step t and run through the net as far as one block; the map found there is the picture's representation. Here t = {config.T}.")
            .Gallery(Noised(set), zoom: 3);
        if (lines.FirstOrDefault(line => line.Key == "attention") is { } attention)
        {
            var (right, wrong) = Predictions(folder, set, config);
            page.Heading("Right").Gallery(right, zoom: 3).Heading("Wrong").Gallery(wrong, zoom: 3)
                .Heading("What is taken for what")
                .Figure(new ConfusionMatrix { Title = attention.Name, Counts = Square(attention.All.Confusion), Classes = BuiltInPictures.ClassNames }.Draw(), "Rows are what a picture shows, columns what the attention head says.");
        }
        page.Heading("Next: your own pictures").Paragraph("Put them into one folder a class, and:")
            .Code("./diffract train --model MODEL --data FOLDER --out RESULT\n./diffract predict --model MODEL --head RESULT/head.safetensors PICTURE...")
            .Save(Path.Combine(folder, Demo.PageFile));
    }

    static Svg Bars(IReadOnlyList<DemoLine> lines) => new BarChart
    {
        Label = "top-1 accuracy",
        Bars = [.. lines.Select(line => new Bar(line.Name, line.All.Top1, new Interval(line.All.Low, line.All.High), line.Key is "pixels" or "random" or "random-attention" ? 1 : 0))],
        References = [new("chance", 1.0 / BuiltInPictures.ClassCount)],
    }.Draw();

    static string Ends(Score score) => $"{Numbers.Percent(score.Low)} to {Numbers.Percent(score.High)}";

    static long[,] Square(long[][] rows)
    {
        var square = new long[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows.Length; j++)
            {
                square[i, j] = rows[i][j];
            }
        }
        return square;
    }

    static IEnumerable<(Picture, string)> Noised(PictureSet set)
    {
        using var scope = new TensorScope();
        using var diffusion = new GaussianDiffusion(NoiseSchedule.Linear());
        var (picture, hash) = BatchLoader.LoadOne(set, new(3), 32, 32);
        var x0 = Aten.Empty([1, 3, 32, 32]);
        Preprocess.Normalise(picture.Rgb, x0.Span<float>());
        var noise = Aten.Empty([1, 3, 32, 32]);
        var result = new List<(Picture, string)> { (picture, "the picture") };
        foreach (var t in (int[])[10, 30, 90, 150, 300, 500])
        {
            NoiseSource.Fill(noise.Span<float>(), 0, hash, view: 0, draw: 0, t);
            var bytes = ((diffusion.QSample(x0, Aten.Full([1], t, DType.Int64), noise) + 1.0) * 127.5).Clamp(0, 255).To(DType.UInt8);
            result.Add((new Picture(32, 32, bytes.Reshape(3, 32, 32).Permute(1, 2, 0).Contiguous().Span<byte>().ToArray()), $"t = {t}"));
        }
        return result;
    }

    static (List<(Picture, string)> Right, List<(Picture, string)> Wrong) Predictions(string folder, PictureSet set, DemoConfig config)
    {
        using var scope = new TensorScope();
        using var head = TrainedHead.Open(Path.Combine(folder, "attention", TrainHead.HeadFileName));
        using var store = FeatureStore.Open(Path.Combine(folder, "pretrained"));
        var (right, wrong) = (new List<(Picture, string)>(), new List<(Picture, string)>());
        HeadEvaluation.Run(new StoreSource(store), head.Inputs, [.. store.RowsOf(PictureSplit.Test).Take(200)], maps => head.Head.Forward(maps, training: false), take: (logits, rows) =>
        {
            var probabilities = logits.Softmax(1).ToArray<float>();
            for (var i = 0; i < rows.Length; i++)
            {
                var each = probabilities.AsSpan(i * head.ClassNames.Count, head.ClassNames.Count).ToArray();
                var (best, label) = (Array.IndexOf(each, each.Max()), (int)store.Labels[rows[i]]);
                var list = best == label ? right : wrong;
                if (list.Count < 12)
                {
                    list.Add((BatchLoader.LoadOne(set, new(rows[i]), 32, 32).Picture, best == label ? $"{head.ClassNames[label]}, {Numbers.Percent(each[best])}" : $"{head.ClassNames[label]}, taken for {head.ClassNames[best]}, {Numbers.Percent(each[best])}"));
                }
            }
        });
        return (right, wrong);
    }
}
