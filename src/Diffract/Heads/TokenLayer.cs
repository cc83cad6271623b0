namespace Diffract.Heads;

/// <summary>What a dense layer's outputs go through.</summary>
public enum Activation { Identity, Relu, Sigmoid, Tanh }

/// <summary>A layer of an attention head between its tokens and its logits. It works on tokens (N, T, d) until one reads them out as a vector (N, d).</summary>
/// <remarks>The layers of the released code's layer strings, under their words there.</remarks>
public abstract record TokenLayer
{
    private TokenLayer() { }

    /// <summary>As JSON and errors name it.</summary>
    internal abstract string Kind { get; }

    /// <summary>Places that it takes in the released code's numbering of layers.</summary>
    internal virtual int Places => 1;

    /// <summary>Tokens and width behind it; no tokens: a vector.</summary>
    internal abstract TokenShape After(TokenShape x);

    /// <summary>Why it cannot stand behind what has this shape; null where it can.</summary>
    /// <param name="dim">Width of the CLS token.</param>
    internal virtual string? Fault(TokenShape x, int dim) => x.Tokens is null ? "the tokens are read out before it" : null;

    /// <summary>The CLS token in front: (N, T, d) to (N, 1 + T, d). Insert_CLS_Token.</summary>
    public sealed record InsertCls : TokenLayer
    {
        internal override string Kind => "insertCls";

        internal override TokenShape After(TokenShape x) => x with { Tokens = x.Tokens + 1 };

        internal override string? Fault(TokenShape x, int dim) => base.Fault(x, dim) ?? (x.Width == dim ? null : $"the CLS token has width {dim}, the tokens there {x.Width}");
    }

    /// <summary>Transformer blocks, as wide as the tokens. Attention.</summary>
    /// <param name="MlpRatio">Width of the MLPs over the tokens'.</param>
    public sealed record Transformer(int Heads, double MlpRatio, int Depth) : TokenLayer
    {
        internal override string Kind => "transformer";
        internal override int Places => Depth;

        internal override TokenShape After(TokenShape x) => x;

        internal override string? Fault(TokenShape x, int dim) => base.Fault(x, dim)
            ?? (Heads is < 1 or > 1024 ? $"heads is {Heads}, expected 1 to 1024" : x.Width % Heads != 0 ? $"heads is {Heads}, which does not divide width {x.Width}"
                : Depth is < 1 or > 256 ? $"depth is {Depth}, expected 1 to 256"
                : MlpRatio > 0 && MlpRatio <= 64 && (long)(x.Width * MlpRatio) >= 1 ? null : FormattableString.Invariant($"mlpRatio is {MlpRatio}, expected a number in (0, 64] that leaves width {x.Width} a hidden width"));
    }

    /// <summary>The first token alone: (N, T, d) to (N, d). Extract_CLS_Token.</summary>
    public sealed record First : TokenLayer
    {
        internal override string Kind => "first";

        internal override TokenShape After(TokenShape x) => x with { Tokens = null };
    }

    /// <summary>The tokens' mean, that of the CLS token too where there is one: (N, T, d) to (N, d). FullyPool.</summary>
    public sealed record Mean : TokenLayer
    {
        internal override string Kind => "mean";

        internal override TokenShape After(TokenShape x) => x with { Tokens = null };
    }

    /// <summary>All tokens side by side: (N, T, d) to (N, T d). Flatten.</summary>
    public sealed record Flatten : TokenLayer
    {
        internal override string Kind => "flatten";

        internal override TokenShape After(TokenShape x) => new(null, (x.Tokens ?? 1) * x.Width);

        internal override string? Fault(TokenShape x, int dim) => null;                    // a vector stays as it is
    }

    /// <summary>A linear layer and its activation, on every token or on the vector. Dense.</summary>
    /// <param name="Width">Outputs.</param>
    public sealed record Dense(int Width, Activation Activation = Activation.Identity) : TokenLayer
    {
        internal override string Kind => "dense";
        internal override int Places => Activation == Activation.Identity ? 1 : 2;

        internal override TokenShape After(TokenShape x) => x with { Width = Width };

        internal override string? Fault(TokenShape x, int dim) => Width is < 1 or > 1_000_000 ? $"width is {Width}, expected 1 to 1000000" : Enum.IsDefined(Activation) ? null : $"activation is {Activation}";
    }
}

/// <summary>(N, Tokens, Width), or (N, Width) once the tokens are read out.</summary>
readonly record struct TokenShape(long? Tokens, long Width);
