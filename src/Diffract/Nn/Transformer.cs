using Diffract.Torch;

namespace Diffract.Nn;

/// <summary>Multi-head self-attention over tokens; softmax in float32.</summary>
public static class Attention
{
    /// <summary>softmax(q k^T / sqrt(d)) v for every head, from the output of the layer that makes q, k and v.</summary>
    /// <param name="qkv">(N, T, 3 C).</param>
    /// <param name="inside">False: the 3 C values are [q | k | v] with heads inside each. True: heads with [q k v] inside each.</param>
    /// <returns>(N, T, C), heads side by side.</returns>
    public static Tensor OfTokens(Tensor qkv, int heads, bool inside) => Kernels.Attention(qkv) ? Dispatcher.Call("diffract::attention", qkv, heads, inside) : ByOperators(qkv, heads, inside);

    static Tensor ByOperators(Tensor qkv, int heads, bool inside)
    {
        var (n, t, width) = (qkv.Size(0), qkv.Size(1), qkv.Size(2) / 3 / heads);
        var parts = inside ? qkv.Reshape(n, t, heads, 3, width).Permute(3, 0, 2, 1, 4) : qkv.Reshape(n, t, 3, heads, width).Permute(2, 0, 3, 1, 4);
        parts = parts.Reshape(3, n * heads, t, width);                                     // q, k, v: each (N heads, T, d)
        var mixed = Softmax(parts.Select(0, 0), parts.Select(0, 1), parts.Select(0, 2));
        return mixed.Reshape(n, heads, t, width).Transpose(1, 2).Reshape(n, t, heads * width);
    }

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
        x = x + _proj.Forward(Attention.OfTokens(_qkv.Forward(_norm1.Forward(x)), heads, inside: false));
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
}
