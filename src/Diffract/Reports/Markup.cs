using System.Globalization;
using System.Text;

namespace Diffract.Reports;

/// <summary>Text and numbers as they stand in XML and HTML.</summary>
static class Markup
{
    /// <summary>Safe as an element's text and within double quotes; what XML cannot hold becomes U+FFFD.</summary>
    public static string Escape(string text)
    {
        var result = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) { result.Append(c).Append(text[++i]); continue; }
            result.Append(c switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\t' or '\n' or '\r' => " ",
                < ' ' or '\x7f' or '\ufffe' or '\uffff' => "\ufffd",
                _ when char.IsSurrogate(c) => "\ufffd",
                _ => c.ToString(),
            });
        }
        return result.ToString();
    }

    /// <summary>A length or place in pixels, to a hundredth.</summary>
    public static string Pixels(double value) => Math.Round(value, 2).ToString("0.##", CultureInfo.InvariantCulture);
}
