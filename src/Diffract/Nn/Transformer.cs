using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Multi-head self-attention over tokens; softmax in float32.</summary>
public static class Attention
{
    /// <summary>softmax(q k^T / sqrt(d)) v for every head.</summary>
    /// <param name="q">(B, T, d) where B counts batch and heads.</param> <param name="k">(B, T, d).</param> <param name="v">(B, T, d).</param>
    /// <returns>(B, T, d).</returns>
    public static Tensor Softmax(Tensor q, Tensor k, Tensor v)
    {
        // The scale goes onto q and k evenly, d^(-1/4) each: in 16 bits the products would else overflow or lose digits.
        var scale = Math.Pow(q.Size(-1), -0.25);
        var weights = Aten.Bmm(q * scale, (k * scale).Transpose(1, 2)).Softmax(-1, q.DType.Full()); // (B, T, T)
        return Aten.Bmm(weights.To(v.DType), v);
    }
}

/// <summary>x += proj(attention(norm1(x))); x += MLP(norm2(x)), GELU with erf, as in ViT (pre-norm, no dropout).</summary>
public sealed class TransformerBlock(Params p, long dim, int heads, double mlpRatio)
{
    readonly LayerNorm _norm1 = new(p["norm1"], dim);
    readonly Linear _qkv = new(p["attn"]["qkv"], dim, 3 * dim, bias: false);
    readonly Linear _proj = new(p["attn"]["proj"], dim, dim);
    readonly LayerNorm _norm2 = new(p["norm2"], dim);
    readonly Linear _fc1 = new(p["mlp"]["fc1"], dim, (long)(dim * mlpRatio));
    readonly Linear _fc2 = new(p["mlp"]["fc2"], (long)(dim * mlpRatio), dim);

    /// <param name="x">(N, T, dim).</param> <returns>(N, T, dim).</returns>
    public Tensor Forward(Tensor x)
    {
        using var scope = new TensorScope();
        x = x + _proj.Forward(SelfAttention(_qkv.Forward(_norm1.Forward(x))));
        x = x + _fc2.Forward(Aten.Gelu(_fc1.Forward(_norm2.Forward(x))));
        return scope.Return(x);
    }

    /// <summary>What <see cref="Forward"/> gives for the first token, without working out the others: all that the last block of a net needs whose CLS token is read.</summary>
    /// <param name="x">(N, T, dim).</param> <returns>(N, dim).</returns>
    public Tensor ForwardFirst(Tensor x)
    {
        using var scope = new TensorScope();
        var (n, t, width) = (x.Size(0), x.Size(1), dim / heads);
        var h = _norm1.Forward(x);
        var q = _qkv.ForwardPart(h.Narrow(1, 0, 1), 0, dim).Reshape(n * heads, 1, width);
        var kv = _qkv.ForwardPart(h, dim, 2 * dim).Reshape(n, t, 2, heads, width).Permute(2, 0, 3, 1, 4).Reshape(2, n * heads, t, width);
        var mixed = Attention.Softmax(q, kv.Select(0, 0), kv.Select(0, 1)).Reshape(n, dim);            // heads side by side
        var first = x.Select(1, 0) + _proj.Forward(mixed);                                              // (N, dim)
        return scope.Return(first + _fc2.Forward(Aten.Gelu(_fc1.Forward(_norm2.Forward(first)))));
    }

    // The 3 dim outputs are [all q | all k | all v], heads inside each.
    Tensor SelfAttention(Tensor qkv)
    {
        var (n, t) = (qkv.Size(0), qkv.Size(1));
        var parts = qkv.Reshape(n, t, 3, heads, dim / heads).Permute(2, 0, 3, 1, 4).Reshape(3, n * heads, t, dim / heads);
        var mixed = Attention.Softmax(parts.Select(0, 0), parts.Select(0, 1), parts.Select(0, 2));     // (N heads, T, d)
        return mixed.Reshape(n, heads, t, dim / heads).Transpose(1, 2).Reshape(n, t, dim);
    }
}
