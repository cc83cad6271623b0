using System.Buffers.Binary;
using System.Security.Cryptography;
using Diffract.Data;

namespace Diffract.Features;

/// <summary>
/// The noise of a picture: standard normal values that follow from (seed, the file's content, view, draw, t) alone, so that features
/// do not depend on batch size, order, neighbours or threads.
/// </summary>
/// <remarks>Philox4x32-10 (Salmon et al. 2011) keyed by SHA-256 of what the noise is for, then Box and Muller in float64.</remarks>
public static class NoiseSource
{
    /// <param name="destination">One picture's values in C, H, W order; an even number.</param>
    /// <param name="view">0 as it is, 1 mirrored.</param> <param name="draw">From 0; fresh noise an epoch is draw = epoch.</param> <param name="t">The step, from 0.</param>
    public static void Fill(Span<float> destination, ulong seed, ContentHash picture, int view, int draw, int t)
    {
        if (destination.Length % 2 != 0)
        {
            throw new ArgumentException($"{destination.Length} values: normal values come in pairs", nameof(destination));
        }
        var key = Key(seed, picture, view, draw, t);
        for (var i = 0; i < destination.Length; i += 4)
        {
            var (a, b, c, d) = Philox((ulong)(i / 4), key);
            Pair(a, b, destination[i..]);
            if (i + 2 < destination.Length)
            {
                Pair(c, d, destination[(i + 2)..]);
            }
        }
    }

    static ulong Key(ulong seed, ContentHash picture, int view, int draw, int t)
    {
        Span<byte> text = stackalloc byte[36], hash = stackalloc byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(text, seed);
        BinaryPrimitives.WriteUInt128LittleEndian(text[8..], picture.Value);
        BinaryPrimitives.WriteInt32LittleEndian(text[24..], view);
        BinaryPrimitives.WriteInt32LittleEndian(text[28..], draw);
        BinaryPrimitives.WriteInt32LittleEndian(text[32..], t);
        SHA256.HashData(text, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    static void Pair(uint a, uint b, Span<float> two)
    {
        var radius = Math.Sqrt(-2 * Math.Log((a + 0.5) / 4294967296.0));                   // never log 0
        var (sine, cosine) = Math.SinCos(2 * Math.PI * (b / 4294967296.0));
        two[0] = (float)(radius * cosine);
        two[1] = (float)(radius * sine);
    }

    internal static (uint A, uint B, uint C, uint D) Philox(ulong counter, ulong key)
    {
        var (x0, x1, x2, x3) = ((uint)counter, (uint)(counter >> 32), 0u, 0u);
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var (p, q) = (0xD2511F53UL * x0, 0xCD9E8D57UL * x2);
            (x0, x1, x2, x3) = ((uint)(q >> 32) ^ x1 ^ k0, (uint)q, (uint)(p >> 32) ^ x3 ^ k1, (uint)p);
            (k0, k1) = (k0 + 0x9E3779B9, k1 + 0xBB67AE85);
        }
        return (x0, x1, x2, x3);
    }
}
