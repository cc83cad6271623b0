namespace Diffract.Data.BuiltIn;

/// <summary>Sine and cosine of angles in turns (1 = 360 degrees), from + - * and floor alone so that every machine gives the same bits; off by 4e-6 at most.</summary>
static class Turn
{
    public static float Sin(float turns)
    {
        var x = turns - MathF.Floor(turns);                 // [0, 1)
        if (x > 0.75f) { x -= 1f; }                         // [-1/4, 3/4]
        if (x > 0.25f) { x = 0.5f - x; }                    // [-1/4, 1/4]
        var y = x * 6.2831853f;
        var z = y * y;
        return y * (1f + z * (-1f / 6 + z * (1f / 120 + z * (-1f / 5040 + z * (1f / 362880)))));
    }

    public static float Cos(float turns) => Sin(turns + 0.25f);
}
