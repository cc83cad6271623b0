namespace Diffract.Workflows;

/// <summary>Names as folders.</summary>
static class Slug
{
    /// <summary>Lower-case letters, digits and single dashes: "GD (L, pool 1x1)" as "gd-l-pool-1x1", "ImageNet 1 %" as "imagenet-1".</summary>
    public static string Of(string name)
    {
        var parts = string.Concat(name.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c == '.' ? c : ' ')).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var slug = string.Join('-', parts).Trim('.');
        return slug.Length == 0 ? "row" : slug;
    }
}
