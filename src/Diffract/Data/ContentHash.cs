using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Diffract.Data;

/// <summary>The first 16 bytes of the SHA-256 of a file, as a number (first byte most significant). A picture's noise derives from it.</summary>
public readonly record struct ContentHash(UInt128 Value)
{
    public static ContentHash Of(ReadOnlySpan<byte> file)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(file, digest);
        return new ContentHash(BinaryPrimitives.ReadUInt128BigEndian(digest));
    }

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out ContentHash hash)
    {
        bool good = UInt128.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && text.Length == 32;
        hash = new ContentHash(value);
        return good;
    }

    /// <summary>32 lower-case hexadecimal digits: the beginning of what sha256sum prints.</summary>
    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);
}
