namespace Diffract.Reports;

/// <summary>Rows and columns of cells with their names left of them and above: upright where they fit, else turned.</summary>
sealed class LabelledGrid
{
    const double NameSize = 11.5, Widest = 190, Turn = -45;

    readonly IReadOnlyList<string> _rows, _columns;
    readonly string _rowLabel, _columnLabel;
    readonly double _cellWidth, _cellHeight, _top;
    readonly bool _turned;

    /// <param name="top">Where the names of the columns may begin.</param>
    public LabelledGrid(IReadOnlyList<string> rows, IReadOnlyList<string> columns, string rowLabel, string columnLabel, double cellWidth, double cellHeight, double top)
    {
        (_rows, _columns) = ([.. rows.Select(Fit)], [.. columns.Select(Fit)]);
        (_rowLabel, _columnLabel, _cellWidth, _cellHeight) = (rowLabel, columnLabel, cellWidth, cellHeight);
        _top = top + (columnLabel.Length > 0 ? 18 : 0);
        var (widestRow, widestColumn) = (Widths(_rows), Widths(_columns));
        _turned = widestColumn > cellWidth - 6 && !Thinned(cellWidth, widestColumn);
        Left = 12 + Math.Max(widestRow, rowLabel.Length > 0 ? TextSize.Of(rowLabel, NameSize) : 0) + 8;
        Top = _top + (_turned ? widestColumn * Math.Sin(Math.PI / 4) + 12 : 16) + 2;
        var lean = _turned && _columns.Count > 0 ? Math.Max(0, TextSize.Of(_columns[^1], NameSize) * Math.Cos(Math.PI / 4) + 8 - cellWidth / 2) : 0;
        Extent = Right + lean;
    }

    public double Left { get; }
    public double Top { get; }
    public double Right => Left + _columns.Count * _cellWidth;
    public double Bottom => Top + _rows.Count * _cellHeight;

    /// <summary>How far to the right the names of the columns reach.</summary>
    public double Extent { get; }

    public (double X, double Y) Cell(int row, int column) => (Left + column * _cellWidth, Top + row * _cellHeight);

    public void DrawNames(Drawing drawing)
    {
        if (_columnLabel.Length > 0) { drawing.Text(Left, _top - 6, _columnLabel, new(NameSize, Mute: true)); }
        if (_rowLabel.Length > 0) { drawing.Text(Left - 8, Top - 6, _rowLabel, new(NameSize, Anchor.End, Mute: true)); }
        var stride = (int)Math.Max(1, Math.Ceiling(13 / _cellHeight));
        for (var i = 0; i < _rows.Count; i += stride)
        {
            drawing.Text(Left - 8, Cell(i, 0).Y + _cellHeight / 2 + 4, _rows[i], new(NameSize, Anchor.End));
        }
        stride = (int)Math.Max(1, Math.Ceiling((_turned ? 13 : Widths(_columns) + 6) / _cellWidth));
        for (var j = 0; j < _columns.Count; j += stride)
        {
            var x = Cell(0, j).X + _cellWidth / 2;
            if (_turned) { drawing.Text(x + 3, Top - 7, _columns[j], new(NameSize, Turn: Turn)); }
            else { drawing.Text(x, Top - 6, _columns[j], new(NameSize, Anchor.Middle)); }
        }
    }

    // Short names, such as numbers, of narrow cells stay upright, and some are left out.
    static bool Thinned(double cellWidth, double widest) => widest <= 26 && cellWidth < 20;

    static string Fit(string name) => TextSize.Shorten(name, NameSize, Widest);

    static double Widths(IReadOnlyList<string> names) => names.Select(name => TextSize.Of(name, NameSize)).DefaultIfEmpty(0).Max();
}
