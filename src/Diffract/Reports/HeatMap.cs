namespace Diffract.Reports;

/// <summary>Numbers of rows x columns as colours, such as accuracies over block and step or CKA between layers. A value that is not finite is an empty cell.</summary>
public sealed record HeatMap
{
    public string Title { get; init; } = "";

    /// <summary>What the rows are.</summary>
    public string RowLabel { get; init; } = "";

    /// <summary>What the columns are.</summary>
    public string ColumnLabel { get; init; } = "";

    public required IReadOnlyList<string> Rows { get; init; }
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>(rows, columns).</summary>
    public required double[,] Values { get; init; }

    public NumberStyle Style { get; init; }

    /// <summary>Of the numbers in the cells, 0 to 6.</summary>
    public int Decimals { get; init; } = 1;

    /// <summary>Value of the darkest colour; null: the lowest there is.</summary>
    public double? From { get; init; }

    /// <summary>Value of the lightest colour; null: the highest there is.</summary>
    public double? To { get; init; }

    /// <summary>Frames the highest value.</summary>
    public bool MarkHighest { get; init; }

    /// <exception cref="ArgumentException">The values are not as many as the names.</exception>
    public Svg Draw()
    {
        if (Values.GetLength(0) != Rows.Count || Values.GetLength(1) != Columns.Count)
        {
            throw new ArgumentException($"values of {Values.GetLength(0)} rows and {Values.GetLength(1)} columns for {Rows.Count} and {Columns.Count} names");
        }
        double[] all = [.. Values.Cast<double>().Where(value => Axis.Has(Scale.Linear, value))];
        var (low, high) = (From ?? all.DefaultIfEmpty(0).Min(), To ?? all.DefaultIfEmpty(1).Max());
        var highest = all.DefaultIfEmpty(double.NaN).Max();
        double Share(double value) => high > low ? (value - low) / (high - low) : 1;

        var widest = all.Select(value => TextSize.Of(InCell(value), 12)).DefaultIfEmpty(0).Max();
        var shows = Rows.Count <= 40 && Columns.Count * (widest + 10) <= 1100;
        var name = Columns.Select(column => TextSize.Of(column, 11.5)).DefaultIfEmpty(0).Max() + 12; // cells are widened for names where that takes little
        var cellWidth = shows ? Math.Max(Math.Max(widest + 14, 46), Columns.Count * name <= 640 ? name : 0) : Math.Clamp(620.0 / Math.Max(1, Math.Max(Columns.Count, Rows.Count)), 2, 22);
        var cellHeight = shows ? 30 : cellWidth;

        var drawing = new Drawing();
        var top = 10.0;
        if (Title.Length > 0) { drawing.Text(12, top += 12, Title, new(15, Bold: true)); top += 14; }
        var grid = new LabelledGrid(Rows, Columns, RowLabel, ColumnLabel, cellWidth, cellHeight, top);
        grid.DrawNames(drawing);
        var gap = cellWidth > 12 ? 1.0 : 0;
        for (var i = 0; i < Rows.Count; i++)
        {
            for (var j = 0; j < Columns.Count; j++)
            {
                var (value, (x, y)) = (Values[i, j], grid.Cell(i, j));
                if (!Axis.Has(Scale.Linear, value)) { drawing.Rectangle(x, y, cellWidth - gap, cellHeight - gap, "#808890", 0.12); continue; }
                var colour = Colours.Ramp(Share(value));
                drawing.Rectangle(x, y, cellWidth - gap, cellHeight - gap, colour.ToString(), round: gap, hint: Hint(i, j));
                if (shows) { drawing.Text(x + (cellWidth - gap) / 2, y + cellHeight / 2 + 3.5, InCell(value), new(12, Anchor.Middle, Bold: IsMarked(value, highest), Colour: colour.Ink)); }
            }
        }
        for (var at = 0; at < Values.Length; at++)
        {
            var (x, y) = grid.Cell(at / Columns.Count, at % Columns.Count);
            if (IsMarked(Values[at / Columns.Count, at % Columns.Count], highest)) { drawing.Outline(x - 1, y - 1, cellWidth - gap + 2, cellHeight - gap + 2, 2.5); }
        }
        var right = all.Length == 0 ? grid.Right : DrawScale(drawing, grid, low, high);
        var titleWidth = 12 + TextSize.Of(Title, 15);
        return drawing.Finish(Math.Max(Math.Max(right, grid.Extent), titleWidth) + 12, Math.Max(grid.Bottom, grid.Top + 104) + 12, Title.Length > 0 ? Title : "Heat map");
    }

    bool IsMarked(double value, double highest) => MarkHighest && value == highest;

    // The colours' scale, right of the cells.
    double DrawScale(Drawing drawing, LabelledGrid grid, double low, double high)
    {
        const int Steps = 40;
        var (x, height) = (Math.Max(grid.Right, grid.Extent - 40) + 18, Math.Clamp(grid.Bottom - grid.Top, 100, 300));
        for (var i = 0; i < Steps; i++)
        {
            drawing.Rectangle(x, grid.Top + height * i / Steps, 12, height / Steps + 0.6, Colours.Ramp(1 - (i + 0.5) / Steps).ToString());
        }
        double[] marks = high > low ? [high, (low + high) / 2, low] : [high];
        for (var i = 0; i < marks.Length; i++)
        {
            drawing.Text(x + 18, grid.Top + 8 + i * (height - 10) / 2, Text(marks[i]), new(11, Mute: true));
        }
        return x + 18 + marks.Max(mark => TextSize.Of(Text(mark), 11));
    }

    string Hint(int row, int column) => $"{Named(RowLabel, Rows[row])}, {Named(ColumnLabel, Columns[column])}: {Text(Values[row, column])}";

    static string Named(string label, string name) => label.Length > 0 ? $"{label} {name}" : name;

    // In a cell the percent sign goes without saying.
    string InCell(double value) => Numbers.Fixed(Style == NumberStyle.Percent ? 100 * value : value, Decimals);

    string Text(double value) => Style == NumberStyle.Percent ? Numbers.Percent(value, Decimals) : Numbers.Fixed(value, Decimals);
}
