using System.Text.Json;

namespace Diffract.Tests;

/// <summary>
/// The rule that the golden files state: |got - want| &lt;= atol for each element; with rtol: &lt;= rtol |want| + min(1e-6, atol);
/// a tighter atol an index of the first axis, or for a share of the elements, where given; without any, relative 1e-5 (integers exact).
/// </summary>
sealed record Tolerance(double? Absolute, double? Relative, double[]? ByFirstIndex, double? Bulk, double BulkFraction)
{
    public static Tolerance Of(JsonElement array) => new(Number(array, "atol"), Number(array, "rtol"),
        array.TryGetProperty("atol_by_first_index", out var list) ? [.. list.EnumerateArray().Select(v => v.GetDouble())] : null,
        Number(array, "atol_bulk"), Number(array, "bulk_fraction") ?? 1);

    public void Check(string name, double[] wanted, double[] actual, long[] shape)
    {
        var rows = shape.Length == 0 ? 1 : Math.Max(shape[0], 1);
        var within = 0;
        for (var i = 0; i < wanted.Length; i++)
        {
            var difference = Math.Abs(wanted[i] - actual[i]);
            var limit = Limit(wanted[i], (int)(i / Math.Max(1, wanted.Length / rows)));
            Assert.True(difference <= limit, $"{name}[{i}]: got {actual[i]}, wanted {wanted[i]}, difference {difference:e2} over {limit:e2}");
            within += difference <= (Bulk ?? limit) ? 1 : 0;
        }
        Assert.True(within >= BulkFraction * wanted.Length, $"{name}: {within} of {wanted.Length} elements within {Bulk:e2}, wanted {BulkFraction:p2}");
    }

    double Limit(double wanted, int row)
    {
        var absolute = ByFirstIndex?[row] ?? Absolute;
        return Relative is { } relative ? Math.Max(relative * Math.Abs(wanted) + Math.Min(1e-6, absolute ?? 1e-6), 0)
            : absolute ?? 1e-5 * Math.Abs(wanted);
    }

    static double? Number(JsonElement array, string name) => array.TryGetProperty(name, out var value) ? value.GetDouble() : null;
}
