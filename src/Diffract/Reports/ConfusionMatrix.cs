namespace Diffract.Reports;

/// <summary>Which class was taken for which: rows are the true classes, columns the predicted ones. Blue is right, orange wrong; each row's colours add up to one.</summary>
public sealed record ConfusionMatrix
{
    const double NumberSize = 11;

    public string Title { get; init; } = "";

    /// <summary>(classes, classes): rows are labels, columns predictions, as <see cref="Metrics.Accuracy.Confusion"/> gives them.</summary>
    public required long[,] Counts { get; init; }

    /// <summary>Names by class index; null: the indices.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <exception cref="ArgumentException">The counts are not square, or the names not as many.</exception>
    public Svg Draw()
    {
        var n = Counts.GetLength(0);
        if (Counts.GetLength(1) != n || Classes is not null && Classes.Count != n) { throw new ArgumentException($"{n} x {Counts.GetLength(1)} counts for {Classes?.Count ?? n} classes: expected as many rows, columns and names"); }
        var names = Classes ?? [.. Enumerable.Range(0, n).Select(c => Numbers.Count(c))];
        var widest = Counts.Cast<long>().Select(count => TextSize.Of(Numbers.Count(count), NumberSize)).DefaultIfEmpty(0).Max();
        var shows = n * (widest + 6) <= 900;
        var cell = shows ? Math.Max(widest + 8, n <= 12 ? 38 : 26) : Math.Clamp(700.0 / n, 0.7, 18);

        var drawing = new Drawing();
        var top = 10.0;
        if (Title.Length > 0) { drawing.Text(12, top += 12, Title, new(15, Bold: true)); top += 14; }
        var grid = new LabelledGrid(names, names, "true class", "predicted class", cell, cell, top);
        drawing.Rectangle(grid.Left, grid.Top, grid.Right - grid.Left, grid.Bottom - grid.Top, "#808890", 0.07);
        grid.DrawNames(drawing);
        var showsShares = cell >= 13;
        var right = grid.Right + (showsShares ? 12 + TextSize.Of("100.0\u00a0%", NumberSize) : 0);
        if (showsShares && n > 0) { drawing.Text(right, grid.Bottom + 16, "accuracy", new(NumberSize, Anchor.End, Mute: true)); }
        for (var i = 0; i < n; i++)
        {
            var total = Enumerable.Range(0, n).Sum(j => Counts[i, j]);
            var (_, y) = grid.Cell(i, 0);
            if (showsShares) { drawing.Text(right, y + cell / 2 + 4, total == 0 ? Numbers.Percent(double.NaN) : Numbers.Percent((double)Counts[i, i] / total), new(NumberSize, Anchor.End, Mute: true)); }
            for (var j = 0; j < n; j++)
            {
                if (Counts[i, j] > 0) { Draw(drawing, grid.Cell(i, j), cell, Counts[i, j], (double)Counts[i, j] / total, i == j, shows, Hint(names, i, j, total)); }
            }
        }
        return drawing.Finish(Math.Max(Math.Max(right, grid.Extent), 12 + TextSize.Of(Title, 15)) + 12, grid.Bottom + (showsShares ? 26 : 12), Title.Length > 0 ? Title : "Confusion matrix");
    }

    static void Draw(Drawing drawing, (double X, double Y) at, double cell, long count, double share, bool right, bool shows, string? hint)
    {
        var colour = Colours.Tint(right ? share : Math.Sqrt(share), right); // the root lets rare mistakes be seen
        var gap = cell > 12 ? 1.0 : 0;
        drawing.Rectangle(at.X, at.Y, cell - gap, cell - gap, colour.ToString(), round: gap, hint: hint);
        if (shows) { drawing.Text(at.X + (cell - gap) / 2, at.Y + cell / 2 + 3.5, Numbers.Count(count), new(NumberSize, Anchor.Middle, Colour: colour.Ink)); }
    }

    string? Hint(IReadOnlyList<string> names, int row, int column, long total) => names.Count > 100 ? null
        : $"{names[row]} taken for {names[column]}: {Numbers.Count(Counts[row, column])} of {Numbers.Count(total)}";
}
