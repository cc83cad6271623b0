namespace Diffract.Workflows;

/// <summary>Which rows this version can run, and how.</summary>
static class RowAbility
{
    /// <summary>Rows whose features are computed once and kept.</summary>
    public static bool ReadsStore(RecipeRow row) => row.Method is RecipeMethod.Head or RecipeMethod.Neighbours && !row.Features.Fresh;

    /// <summary>What a row needs that this version does not have; null where it can be run.</summary>
    public static string? Missing(RecipeRow row) => row switch
    {
        { Method: RecipeMethod.Feedback } => "feedback layers (method feedback)",
        _ => null,
    };

    /// <exception cref="RecipeException">Rows cannot be run; each is named.</exception>
    public static void Check(IEnumerable<RecipeRow> rows)
    {
        string[] faults = [.. rows.Distinct().Select(row => (row.Name, Needs: Missing(row))).Where(row => row.Needs is not null).Select(row => $"row '{row.Name}' needs {row.Needs}, which this version does not have")];
        if (faults.Length > 0)
        {
            throw new RecipeException($"{string.Join("; ", faults)}. Name the rows to run with --rows, or change them with --set.");
        }
    }
}
