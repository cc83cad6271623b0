using System.Globalization;
using System.Text;

namespace Diffract.Reports;

/// <summary>How wide text is: in pixels, estimated on the generous side for the usual sans-serif fonts, and in a terminal's columns.</summary>
static class TextSize
{
    public static double Of(string text, double size) => size * text.EnumerateRunes().Sum(Ems);

    /// <summary>The text, or its beginning with an ellipsis, no wider than so many pixels.</summary>
    public static string Shorten(string text, double size, double widest)
    {
        if (Of(text, size) <= widest) { return text; }
        var result = new StringBuilder();
        var left = widest - size;
        foreach (var rune in text.EnumerateRunes())
        {
            left -= size * Ems(rune);
            if (left < 0) { break; }
            result.Append(rune);
        }
        return result.ToString().TrimEnd() + "\u2026";
    }

    /// <summary>Columns of a terminal.</summary>
    public static int Columns(string text) => text.EnumerateRunes().Sum(rune => IsMark(rune) ? 0 : IsWide(rune) ? 2 : 1);

    static double Ems(Rune rune) => rune.Value switch
    {
        _ when IsMark(rune) => 0,
        _ when IsWide(rune) => 1.05,
        'i' or 'l' or 'j' or '.' or ',' or ':' or ';' or '\'' or '|' or '!' or 'I' => 0.31,
        'f' or 't' or 'r' or ' ' or '\u00a0' or '(' or ')' or '[' or ']' or '-' or '/' => 0.38,
        'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.95,
        >= 'A' and <= 'Z' => 0.7,
        _ => 0.62,
    };

    static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format;

    // East Asian wide and full-width blocks, and pictographs.
    static bool IsWide(Rune rune) => rune.Value is (>= 0x1100 and <= 0x115f) or (>= 0x2e80 and <= 0x303e) or (>= 0x3041 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3)
        or (>= 0xf900 and <= 0xfaff) or (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6) or (>= 0x1f300 and <= 0x1faff) or (>= 0x20000 and <= 0x3fffd);
}
