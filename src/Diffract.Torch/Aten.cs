namespace Diffract.Torch;

/// <summary>ATen's operators, a line each, with ATen's names and argument order; what is left out takes the schema's default.</summary>
public static class Aten
{
    // ---- Making tensors.
    public static Tensor Empty(long[] shape, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::empty.memory_format", shape, type, Value.None, At(device));
    public static Tensor Zeros(long[] shape, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::zeros", shape, type, Value.None, At(device));
    public static Tensor Ones(long[] shape, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::ones", shape, type, Value.None, At(device));
    public static Tensor Full(long[] shape, double value, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::full", shape, value, type, Value.None, At(device));
    public static Tensor Eye(long n, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::eye", n, type, Value.None, At(device));
    public static Tensor Arange(long end, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::arange", end, type, Value.None, At(device));
    /// <summary>Standard normal values from the generator that <see cref="Torch.ManualSeed"/> seeds.</summary>
    public static Tensor Randn(long[] shape, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::randn", shape, type, Value.None, At(device));
    public static Tensor Rand(long[] shape, DType type = DType.Float32, Device? device = null) => Dispatcher.Call("aten::rand", shape, type, Value.None, At(device));
    public static Tensor RandInt(long low, long high, long[] shape, Device? device = null) => Dispatcher.Call("aten::randint.low", low, high, shape, DType.Int64, Value.None, At(device));
    public static Tensor RandPerm(long n) => Dispatcher.Call("aten::randperm", n, DType.Int64);

    // ---- Layers.
    public static Tensor Conv2d(Tensor x, Tensor weight, Tensor? bias, int stride = 1, int padding = 0, int groups = 1) => Dispatcher.Call("aten::conv2d", x, weight, bias, Pair(stride), Pair(padding), Pair(1), groups);
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias) => Dispatcher.Call("aten::linear", x, weight, bias);
    public static Tensor GroupNorm(Tensor x, int groups, Tensor? weight, Tensor? bias, double epsilon = 1e-5) => Dispatcher.Call("aten::group_norm", x, groups, weight, bias, epsilon, false);
    public static Tensor LayerNorm(Tensor x, long[] shape, Tensor? weight, Tensor? bias, double epsilon = 1e-5) => Dispatcher.Call("aten::layer_norm", x, shape, weight, bias, epsilon, false);
    public static Tensor BatchNorm(Tensor x, Tensor? weight, Tensor? bias, Tensor mean, Tensor variance, bool training, double momentum = 0.1, double epsilon = 1e-5) => Dispatcher.Call("aten::batch_norm", x, weight, bias, mean, variance, training, momentum, epsilon, false);
    public static Tensor Dropout(Tensor x, double probability, bool training) => Dispatcher.Call("aten::dropout", x, probability, training);
    public static Tensor Embedding(Tensor weight, Tensor indices) => Dispatcher.Call("aten::embedding", weight, indices);
    public static Tensor AvgPool2d(Tensor x, int size, int? stride = null) => Dispatcher.Call("aten::avg_pool2d", x, Pair(size), Pair(stride ?? size));
    public static Tensor MaxPool2d(Tensor x, int size) => Dispatcher.Call("aten::max_pool2d", x, Pair(size), Pair(size));
    public static Tensor AdaptiveAvgPool2d(Tensor x, int size) => AdaptiveAvgPool2d(x, size, size);
    public static Tensor AdaptiveAvgPool2d(Tensor x, long height, long width) => Dispatcher.Call("aten::adaptive_avg_pool2d", x, (long[])[height, width]);
    public static Tensor UpsampleNearest2d(Tensor x, long height, long width) => Dispatcher.Call("aten::upsample_nearest2d", x, (long[])[height, width]);
    public static Tensor UpsampleBilinear2d(Tensor x, long height, long width) => Dispatcher.Call("aten::upsample_bilinear2d", x, (long[])[height, width], false);
    /// <summary>exact: with erf, not tanh.</summary>
    public static Tensor Gelu(Tensor x) => Dispatcher.Call("aten::gelu", x);

    // ---- Shapes.
    public static Tensor Cat(Tensor[] tensors, int dimension) => Dispatcher.Call("aten::cat", tensors, dimension);
    public static Tensor Stack(Tensor[] tensors, int dimension = 0) => Dispatcher.Call("aten::stack", tensors, dimension);
    public static Tensor Where(Tensor condition, Tensor yes, Tensor no) => Dispatcher.Call("aten::where.self", condition, yes, no);

    // ---- Losses.
    /// <param name="logits">(N, classes).</param> <param name="labels">(N), int64.</param> <returns>Mean over N.</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels) => Dispatcher.Call("aten::cross_entropy_loss", logits, labels);
    /// <param name="logits">(N, classes).</param> <param name="labels">(N), int64.</param> <returns>(N).</returns>
    public static Tensor CrossEntropyEach(Tensor logits, Tensor labels) => Dispatcher.Call("aten::cross_entropy_loss", logits, labels, Value.None, 0);
    public static Tensor MseLoss(Tensor x, Tensor target) => Dispatcher.Call("aten::mse_loss", x, target);

    // ---- Products.
    public static Tensor Bmm(Tensor a, Tensor b) => Dispatcher.Call("aten::bmm", a, b);
    public static Tensor Baddbmm(Tensor add, Tensor a, Tensor b, double beta, double alpha) => Dispatcher.Call("aten::baddbmm", add, a, b, beta, alpha);

    internal static long[] Pair(int value) => [value, value];
    static Value At(Device? device) => device is { } d ? d : Value.None;
}
