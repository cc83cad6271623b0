using Diffract.Torch;

namespace Diffract.Features;

/// <summary>Finds features that are NaN or infinite: no figure that follows from them means anything.</summary>
static class NotFinite
{
    /// <summary>The first row that holds NaN or infinity; null where there is none, which one sum tells.</summary>
    /// <param name="maps">(N, C, h, w), float32.</param>
    public static int? FirstRow(Tensor maps)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        if (double.IsFinite(maps.Sum().Item()))
        {
            return null;
        }
        for (var row = 0; row < maps.Size(0); row++)                                       // finite values, too, may have a sum that is not
        {
            if (maps.Select(0, row).IsFinite().All().Item() == 0)
            {
                return row;
            }
        }
        return null;
    }

    /// <summary>Of a net that has just made such features of a picture, for an error that names the picture.</summary>
    public static string Made(FeatureName name) =>
        $"the net gives NaN or infinity at t = {name.T}, block {name.Block}. Its checkpoint is damaged or its training diverged: fetch or convert it again, or use another.";
}
