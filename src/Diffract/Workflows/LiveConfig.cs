using System.Text.Json.Nodes;
using Diffract.Data;
using Diffract.Diffusion;

namespace Diffract.Workflows;

public enum CropKind
{
    /// <summary>The middle: both papers' text.</summary>
    Centre,
    /// <summary>Random resized crop: the first paper's supplementary C.</summary>
    RandomResized,
    /// <summary>The released code's: the smaller side enlarged to up to 1 / 0.8 of the net's, then a crop anywhere.</summary>
    Released,
}

/// <summary>How training looks at pictures; tests see the middle, not mirrored.</summary>
public sealed record LiveConfig
{
    public CropKind Crop { get; init; } = CropKind.Centre;

    /// <summary>Mirrors half of the pictures, by chance anew each epoch.</summary>
    public bool Flip { get; init; } = true;

    /// <summary>How a row is looked at, from a number that follows from seed, row and epoch.</summary>
    public PictureView View(ulong chance)
    {
        double Draw(ulong purpose) => (Seeds.Of(chance, 0, purpose) >> 11) / 9007199254740992.0; // 53 bits
        var flip = Flip && (chance & 1) == 1;
        return Crop switch
        {
            CropKind.RandomResized => new(flip, ResizedCrop: Seeds.Of(chance, 0, purpose: 4)),
            CropKind.Released => new(flip, new CropDraws(Draw(1), Draw(2), Draw(3))),
            _ => new(flip),
        };
    }

    public JsonObject ToJson() => new()
    {
        ["crop"] = Crop switch { CropKind.RandomResized => "random resized crop: area 0.08 to 1, ratio 3/4 to 4/3", CropKind.Released => "smaller side enlarged to 1 to 1/0.8 of the net's, crop anywhere", _ => "centre" },
        ["flip"] = Flip ? "half of the pictures, anew each epoch" : "none",
        ["noise"] = "a new draw each epoch",
    };
}
