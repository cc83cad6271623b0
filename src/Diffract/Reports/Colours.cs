namespace Diffract.Reports;

/// <summary>Colours that the common kinds of colour blindness keep apart, and that stand out on white and on black.</summary>
static class Colours
{
    static readonly string[] Hues = ["#1b7fc4", "#e0701a", "#0f9b80", "#c9508f", "#8064c8", "#a08a16", "#d1342f", "#7d858e"];
    static readonly string?[] Dashes = [null, "7 4", "2 3.5", "9 3 2 3"];

    public static string Of(int series) => Hues[(int)((uint)series % Hues.Length)];

    /// <summary>The series after all hues are used start again with another kind of line.</summary>
    public static string? DashesOf(int series) => Dashes[(int)((uint)series / Hues.Length % Dashes.Length)];

    /// <summary>From dark blue over green to light yellow, of evenly rising lightness.</summary>
    /// <param name="share">0 to 1.</param>
    public static Colour Ramp(double share)
    {
        var s = Math.Clamp(share, 0, 1);
        return Colour.FromLch(0.28 + 0.65 * s, 0.095 + 0.025 * Math.Sin(Math.PI * s), 285 - 180 * s);
    }

    /// <summary>From nearly white to a full blue, for what is right, or a full orange, for what is wrong.</summary>
    public static Colour Tint(double share, bool right)
    {
        var s = Math.Clamp(share, 0, 1);
        return right ? Colour.FromLch(0.96 - 0.48 * s, 0.015 + 0.125 * s, 250) : Colour.FromLch(0.96 - 0.36 * s, 0.025 + 0.145 * s, 52);
    }
}

/// <summary>sRGB, each 0 to 1.</summary>
readonly record struct Colour(double R, double G, double B)
{
    /// <summary>From OKLCH: lightness, chroma, hue in degrees.</summary>
    /// <remarks>The matrices of B. Ottosson 2020, "A perceptual color space for image processing".</remarks>
    public static Colour FromLch(double lightness, double chroma, double hue)
    {
        var (a, b) = (chroma * Math.Cos(hue * Math.PI / 180), chroma * Math.Sin(hue * Math.PI / 180));
        var l = Math.Pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
        var m = Math.Pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
        var s = Math.Pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
        return new(
            Encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
            Encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
            Encoded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s));
    }

    /// <summary>Ink that can be read on this colour.</summary>
    public string Ink => 0.2126 * Decoded(R) + 0.7152 * Decoded(G) + 0.0722 * Decoded(B) > 0.2 ? "#14202b" : "#ffffff";

    static double Encoded(double linear) => Math.Clamp(linear <= 0.0031308 ? 12.92 * linear : 1.055 * Math.Pow(linear, 1 / 2.4) - 0.055, 0, 1);

    static double Decoded(double value) => value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);

    /// <summary>"#rrggbb".</summary>
    public override string ToString() => $"#{(int)Math.Round(255 * R):x2}{(int)Math.Round(255 * G):x2}{(int)Math.Round(255 * B):x2}";
}
