namespace Diffract.Data;

/// <summary>An array of a MATLAB file; elements are in column-major order, as MATLAB keeps them.</summary>
abstract class MatArray(int[] dimensions)
{
    /// <summary>At least two; a scalar is 1 x 1.</summary>
    public IReadOnlyList<int> Dimensions => dimensions;

    /// <summary>What MATLAB calls such an array, for errors.</summary>
    public abstract string Kind { get; }

    public override string ToString() => $"{string.Join("x", dimensions)} {Kind}";
}

/// <summary>Numbers of any class, as doubles: whole numbers beyond 2^53 are rounded. Of complex ones the real part.</summary>
sealed class MatNumbers(int[] dimensions, double[] values) : MatArray(dimensions)
{
    public static readonly MatNumbers Empty = new([0, 0], []);

    public double[] Values => values;

    public override string Kind => "numbers";
}

/// <summary>Characters.</summary>
sealed class MatText(int[] dimensions, string characters) : MatArray(dimensions)
{
    /// <summary>Text of several rows is woven column by column.</summary>
    public string Characters => characters;

    public override string Kind => "text";
}

/// <summary>A cell array.</summary>
sealed class MatCells(int[] dimensions, MatArray[] cells) : MatArray(dimensions)
{
    public MatArray[] Cells => cells;

    public override string Kind => "cells";
}

/// <summary>An array of structures.</summary>
/// <param name="fields">Of every field its value in each element.</param>
sealed class MatStructs(int[] dimensions, int count, IReadOnlyDictionary<string, MatArray[]> fields) : MatArray(dimensions)
{
    public int Count => count;

    public IReadOnlyDictionary<string, MatArray[]> Fields => fields;

    public override string Kind => "struct";
}

/// <summary>An array of a class that no data set needs and that is passed over.</summary>
sealed class MatUnread(int[] dimensions, string kind) : MatArray(dimensions)
{
    public override string Kind => kind;
}
